"""The version, in the lowest room: every result row carries it."""

__version__ = "0.1.0"
