"""The page for a browser, and the same for programs: films and cameras in, tables out."""
