"""The format of CSV tables."""
