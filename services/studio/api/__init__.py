"""What pages call: JSON in, JSON out. Translates requests to plain values and refusals to status codes."""
