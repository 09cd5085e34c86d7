"""An experiment in one file, for audit: its events, its record, its objects. Knows no broker."""
