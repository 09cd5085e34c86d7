"""One number for how far a file's answers are from its checkpoint's: 0 the same, 1 nothing alike."""

from collections.abc import Sequence

from services.exporter.child.export_target import Answers, ExportTarget

# What INT8 may be away: less than the metrics' own limits show on a trained network.
NEAR_ENOUGH = 0.002


def distance(target: ExportTarget, pairs: Sequence[tuple[Answers, Answers]]) -> float:
    """Of pairs of answers, the checkpoint's first: detections that have no partner, and the angle between outputs."""
    parity = target.check_parity(pairs)
    apart = max((1 - value for value in parity.cosine.values()), default=0.0)
    return max(1 - parity.matched, apart)
