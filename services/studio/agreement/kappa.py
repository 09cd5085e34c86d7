"""Agreement beyond chance. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Category = TypeVar("Category", bound=Hashable)
Counts = Mapping[tuple[Category, Category], float]


def cohen_kappa(
    counts: Counts[Category], *, apart: Callable[[Category, Category], float] | None = None
) -> float | None:
    """Cohen's kappa (1960) of how often each two categories met; with `apart`, how far two are apart, the weighted one
    (1968, eq. 7). -1 to 1: 1 for agreement throughout, 0 for as much as chance gives; None where nothing was compared,
    or both only ever said one and the same, of which chance gives as much."""
    distance = apart or (lambda one, other: float(one != other))
    total = sum(counts.values())
    firsts: dict[Category, float] = defaultdict(float)
    seconds: dict[Category, float] = defaultdict(float)
    for (one, other), count in counts.items():
        firsts[one] += count
        seconds[other] += count
    seen = sum(distance(one, other) * count for (one, other), count in counts.items())
    by_chance = sum(
        distance(one, other) * firsts[one] * seconds[other] / total for one in firsts for other in seconds if total
    )
    return None if by_chance == 0 else 1 - seen / by_chance
