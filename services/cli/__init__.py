"""The `truscore` command. Knows how people ask and are shown; knows nothing that a service decides."""

__all__: list[str] = []
