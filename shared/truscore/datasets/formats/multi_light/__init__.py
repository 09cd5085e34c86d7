"""The format of views under many lights."""
