"""The format of Datumaro."""
