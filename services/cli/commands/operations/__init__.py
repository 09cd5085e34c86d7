"""Commands for whoever operates the system: is everything up, and what became of messages that failed."""
