"""Losses, one per task, and their sum."""
