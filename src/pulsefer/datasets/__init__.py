"""Readers, and writers of byte-true specimens."""
