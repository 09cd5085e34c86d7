"""What became of one order, derived from its events. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.local.progress.event_tap import TappedEvent

# Who says how long it took, and what to call it.
PARTS = {
    "DatasetValidated": "validation",
    "TrainingCompleted": "training, with its start and uploads",
    "ModelExported": "export, with its proofs",
}
ENDS = ("ModelExported", "ExportFailed", "TrainingFailed", "TrainingCancelled", "DatasetRejected")


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """One part of the way, with its length."""

    name: str
    seconds: float


def concerns(tapped: TappedEvent, *, dataset_id: str, version: str, run_id: str) -> bool:
    """Whether an event is about this order: by its dataset, or by the run that became of it."""
    fields = tapped.fields
    same_dataset = (fields.get("dataset_id"), fields.get("dataset_version", fields.get("version"))) == (
        dataset_id,
        version,
    )
    return same_dataset or bool(run_id and fields.get("run_id") == run_id)


def line_of(tapped: TappedEvent, *, primary_metric: str = "") -> str | None:
    """What a person who waits wants to know of an event; None for what would only scroll by. ``primary_metric`` is
    what the run's best epoch is chosen by."""
    describe = LINES.get(tapped.name)
    by = f" by {primary_metric}" if primary_metric else ""
    return describe({**tapped.fields, "by": by}) if describe is not None else None


def epoch_line(fields: dict[str, Any]) -> str:
    best = f"  best so far{fields['by']}" if fields.get("is_best") else ""
    return (
        f"epoch {fields['epoch']:>3}/{fields['total_epochs']}  loss {fields.get('train_loss', 0):.3f}  "
        f"{metrics_text(fields.get('metrics', {}))}  {fields.get('duration_s', 0):.0f} s, "
        f"{to_go_text(fields)}{best}"
    )


def to_go_text(fields: Mapping[str, Any]) -> str:
    low, high = fields.get("eta_low_s", 0), fields.get("eta_high_s", 0)
    between = f" ({low:.0f} to {high:.0f})" if high else ""
    return f"about {fields.get('eta_s', 0):.0f}{between} s to go"


def completed_line(fields: dict[str, Any]) -> str:
    metrics = metrics_text(fields.get("metrics", {}))
    return f"training done, best epoch {fields.get('best_epoch')}{fields['by']}: {metrics}{fitness_text(fields)}"


def fitness_text(fields: Mapping[str, Any]) -> str:
    """Whether the model is better than guessing, and why; empty where nobody compared."""
    if "fit_for_use" not in fields:
        return ""
    return f"; {'' if fields['fit_for_use'] else 'not '}fit for use: {fields.get('fit_for_use_reason', '')}"


def rejected_line(fields: dict[str, Any]) -> str:
    return "dataset rejected: " + "; ".join(finding["message"] for finding in fields.get("findings", [])[:3])


def failed_line(fields: dict[str, Any]) -> str:
    return f"failed, {fields.get('code')}: {fields.get('message')}"


def metrics_text(metrics: dict[str, float]) -> str:
    """The few that tell most, in a fixed order."""
    wanted = [name for name in ("edge_error_all_px", "centring_error_all_pp", "box_AP50") if name in metrics]
    return "  ".join(f"{name} {metrics[name]:.3f}" for name in wanted)


def phases(events: Sequence[TappedEvent]) -> list[Phase]:
    """How long each part took, as those who did it say; what is left of the whole is the handing over."""
    took_s = {event.name: float(event.fields.get("duration_s", 0)) for event in events}
    parts = [Phase(name=name, seconds=took_s[phase]) for phase, name in PARTS.items() if phase in took_s]
    ordered, exported = _published_at(events, "DatasetReady"), _published_at(events, "ModelExported")
    if ordered is None or exported is None:
        return parts
    whole_s = (exported - ordered).total_seconds()
    rest = Phase(name="outside of them", seconds=whole_s - sum(part.seconds for part in parts))
    return [*parts, rest, Phase(name="from order to model", seconds=whole_s)]


def longest_delivery_s(events: Sequence[TappedEvent]) -> float:
    """The longest that an event took from being published to being tapped."""
    return max(((event.received_at - event.published_at).total_seconds() for event in events), default=0.0)


def _published_at(events: Sequence[TappedEvent], name: str) -> datetime | None:
    return next((event.published_at for event in events if event.name == name), None)


LINES: dict[str, Callable[[dict[str, Any]], str]] = {
    "DatasetValidated": lambda fields: (
        f"dataset accepted: {fields.get('image_count')} images, {fields.get('annotation_count')} annotations"
    ),
    "DatasetRejected": rejected_line,
    "TrainingStarted": lambda fields: (
        f"training {fields['run_id']} on {fields.get('device')}: {fields['total_epochs']} epochs"
    ),
    "EpochCompleted": epoch_line,
    "TrainingCompleted": completed_line,
    "TrainingFailed": failed_line,
    "TrainingCancelled": lambda fields: f"cancelled: {fields.get('reason')}",
    "ModelExported": lambda fields: f"model {fields['model_id']} version {fields['version']} is ready",
    "ExportFailed": failed_line,
}
