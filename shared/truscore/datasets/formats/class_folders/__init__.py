"""The format of class folders."""
