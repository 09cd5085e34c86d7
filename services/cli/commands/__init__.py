"""What `truscore` can do, a room per subject. Modules import what they need when run: `truscore` starts at once."""
