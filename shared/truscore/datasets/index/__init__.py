"""A dataset as one index: its images and what is marked on each. Knows plain values and JSON; opens no file."""
