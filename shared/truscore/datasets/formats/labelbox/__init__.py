"""The format of Labelbox."""
