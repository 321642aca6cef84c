"""Video in and out: stream, probe, encode."""
