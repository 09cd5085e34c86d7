"""The format of Label Studio."""
