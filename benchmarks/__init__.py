"""What is fast, and how fast: each file measures one promise against a plain rival."""
