"""The format of Create ML."""
