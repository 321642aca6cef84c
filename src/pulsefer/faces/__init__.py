"""Find a face, keep it, crop it."""
