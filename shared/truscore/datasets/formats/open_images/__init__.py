"""The format of Open Images."""
