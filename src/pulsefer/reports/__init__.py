"""Rows of results, and what people read of them."""
