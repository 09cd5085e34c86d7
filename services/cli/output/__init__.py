"""What a command shows: tables, curves, bars, rows. Knows terminals; asks no service."""
