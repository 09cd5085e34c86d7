"""torch.export's program (.pt2), for engines in Python and AOTInductor: torch alone loads it."""

__all__: list[str] = []
