"""The format of tables of run lengths."""
