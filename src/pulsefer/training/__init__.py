"""Fit a model to a split; stop and go on exactly."""
