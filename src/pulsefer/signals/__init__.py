"""Pulse from contact signals and from colour; rate and quality."""
