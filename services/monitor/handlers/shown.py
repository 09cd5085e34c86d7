"""Runs as they are shown to many: made once for all who see the same, with the fields that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from google.protobuf.field_mask_pb2 import FieldMask
from truscore.api.v1 import monitor_pb2

from services.monitor.board import Entry, id_of

MAX_KEPT = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A run as it is answered, and a token that any monitor gives for the very same answer."""

    entry: Entry
    alerts_version: int
    run: monitor_pb2.Run
    token: str


class ShownRuns:
    """The newest answer of each run and mask, for as long as nothing changed."""

    def __init__(self, make: Callable[[Entry], monitor_pb2.Run]) -> None:
        self._make = make
        self._kept: dict[tuple[str, tuple[str, ...]], Shown] = {}

    def of(self, entry: Entry, mask: FieldMask, alerts_version: int) -> Shown:
        key = (id_of(entry), tuple(mask.paths))
        kept = self._kept.pop(key, None)
        if kept is None or kept.entry is not entry or kept.alerts_version != alerts_version:
            run = masked(self._make(entry), mask)
            kept = Shown(entry=entry, alerts_version=alerts_version, run=run, token=token_of(run))
        self._kept[key] = kept
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return kept


def masked(run: monitor_pb2.Run, mask: FieldMask) -> monitor_pb2.Run:
    """Only the fields that the mask names; all where it names none."""
    if not mask.paths:
        return run
    made = monitor_pb2.Run()
    mask.MergeMessage(run, made)
    return made


def unknown_paths(mask: FieldMask) -> Sequence[str]:
    """What the mask names and Run has not."""
    return [path for path in mask.paths if not FieldMask(paths=[path]).IsValidForDescriptor(monitor_pb2.Run.DESCRIPTOR)]


def token_of(run: monitor_pb2.Run) -> str:
    """Follows from the answer alone, which follows from the log."""
    return sha256(run.SerializeToString(deterministic=True)).hexdigest()[:32]
