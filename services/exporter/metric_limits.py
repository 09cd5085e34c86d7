"""How much worse than its checkpoint a file may be in the metrics that its model is for. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from truscore.catalog.purpose import score_of

from services.exporter.release import MetricParity

# Shares from 0 to 1 may lose so much: 0.2 points in float, one point in INT8.
_POINTS: Mapping[str, float] = MappingProxyType({"float": 0.002, "int8": 0.01})
# Pixels of the image; a label is drawn to within two.
_EDGE_PX: Mapping[str, float] = MappingProxyType({"float": 0.1, "int8": 0.5})
# Degrees between normals: a tenth of what the best solvers are off.
_ANGLE_DEG = 0.05
# A fiftieth of an object's error more.
_PSNR_DB = 0.1
# Whatever the precision: two engines must not differ by the file they use.
_CENTRING_PP = 0.1
# Micrometres of depth: paper alone is rougher.
_DEPTH_UM = 0.05
AGREEMENT_AT_LEAST = 0.995
AGREEMENT = "grade_agreement_with_checkpoint"
# Held beside what a row is for: borders that stay where they are while boxes go missing are no borders.
_ALSO = ("box_AP", "mask_AP")


def held_metrics(purpose: Sequence[str], measured: Mapping[str, float]) -> tuple[str, ...]:
    """Metrics that the gate holds a file to, of those that were measured."""
    wanted = (*purpose, *_ALSO, *(f"{name}" for name in ("centring_error_all_pp",)))
    return tuple(dict.fromkeys(name for name in wanted if name in measured))


def accepted_loss(metric: str, *, precision: str, spread: float = 1.0) -> float:
    """In the metric's own unit; `spread` is the range of real scores, of which errors of scores are a share."""
    if metric.endswith("_pp"):
        return _CENTRING_PP
    if metric.endswith("_deg"):
        return _ANGLE_DEG
    if metric.endswith("_um"):
        return _DEPTH_UM
    if metric.endswith("_dB"):
        return _PSNR_DB
    if metric.endswith("_px"):
        return _EDGE_PX[precision]
    return _POINTS[precision] * (spread if "MAE" in metric or "RMSE" in metric else 1.0)


def compare_metrics(
    split: str,
    purpose: Sequence[str],
    checkpoint: Mapping[str, float],
    artifact: Mapping[str, float],
    *,
    precision: str,
    spread: float = 1.0,
) -> tuple[MetricParity, ...]:
    """One line for each metric that is held. What the file's answers leave undefined is lost whole."""
    return tuple(
        MetricParity(
            split=split,
            metric=name,
            checkpoint=checkpoint[name],
            artifact=artifact.get(name, float("-inf" if score_of(name, 1.0) > 0 else "inf")),
            accepted_loss=accepted_loss(name, precision=precision, spread=spread),
        )
        for name in held_metrics(purpose, checkpoint)
    )


def compare_grades(split: str, checkpoint: Sequence[int], artifact: Sequence[int]) -> tuple[MetricParity, ...]:
    """The share of images that both give the same grade; none where no grades are given."""
    if not checkpoint:
        return ()
    same = sum(a == b for a, b in zip(checkpoint, artifact, strict=True)) / len(checkpoint)
    limit = 1.0 - AGREEMENT_AT_LEAST
    return (MetricParity(split=split, metric=AGREEMENT, checkpoint=1.0, artifact=same, accepted_loss=limit),)


def passes(line: MetricParity) -> bool:
    """Whether the file lost no more than is accepted; centring may not move to either side."""
    lost = score_of(line.metric, line.checkpoint) - score_of(line.metric, line.artifact)
    moved = abs(lost) if line.metric.endswith("_pp") else lost
    return moved <= line.accepted_loss + 1e-9
