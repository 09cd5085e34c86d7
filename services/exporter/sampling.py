"""Which validation images an artefact is proved on."""

from collections.abc import Sequence


def spread(paths: Sequence[str], count: int) -> tuple[str, ...]:
    """At most `count` of the sorted paths, evenly spread over them: the same ones for the same split."""
    ordered = sorted(paths)
    if len(ordered) <= count:
        return tuple(ordered)
    return tuple(ordered[index * len(ordered) // count] for index in range(count))
