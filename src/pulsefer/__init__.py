"""PulseFER: emotion and heart rate from a face video, by one network."""

__version__ = "0.1.0"
