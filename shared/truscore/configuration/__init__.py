"""The configuration of a run: its shape, its text and its refusals. Knows no architecture, network or default."""
