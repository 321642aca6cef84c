"""A video in, a table out."""
