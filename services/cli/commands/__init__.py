"""One module for each group of commands. Each imports what it needs when it is run: `truscore` starts at once."""

__all__: list[str] = []
