"""From recordings to windows with labels, splits and batches."""
