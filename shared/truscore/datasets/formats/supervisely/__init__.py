"""The format of Supervisely."""
