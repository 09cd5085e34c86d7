"""What the events of runs state, as plain values that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    images_per_epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochDone:
    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    metrics: Mapping[str, float]
    epochs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """`own`: the run's own export, not one that was ordered afterwards. `latency_ms` of one image by the ONNX file."""

    own: bool
    formats: tuple[str, ...]
    latency_ms: float | None
    model_id: str
    model_version: str
    package_uri: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportRefused:
    """`request_id` of the order that is answered; empty where it is the run's own."""

    request_id: str
    format: str
    message: str


Fact = Started | EpochDone | Completed | Failed | Stopped | Exported | ExportRefused
KINDS: Mapping[str, type[Any]] = {
    kind.__name__: kind for kind in (Started, EpochDone, Completed, Failed, Stopped, Exported, ExportRefused)
}


def to_tree(fact: Fact) -> dict[str, Any]:
    return {"kind": type(fact).__name__, "fields": asdict(fact)}


def from_tree(tree: Mapping[str, Any]) -> Fact:
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in tree["fields"].items()}
    fact: Fact = KINDS[tree["kind"]](**fields)
    return fact
