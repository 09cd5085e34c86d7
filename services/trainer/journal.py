"""The journal: what the training process says, line by line, on disk. It knows no broker; the service reads it aloud.

A line is a JSON object with ``seq``, ``kind``, the record's fields and ``crc``, the CRC-32 of the line without it. Only
whole lines that end in a newline are read; a torn last line, as a killed process leaves it, waits or is cut off by the
next writer.
"""

import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Protocol, get_args

from truscore.metrics.comparison import Comparison, comparison_from_plain
from truscore.recipes.batch_size import FoundBatch

READ_LIMIT_BYTES = 4 << 20
LINE_LIMIT_BYTES = 1 << 20
# Exit status of a training process whose disk had no room for its last record: EX_IOERR of sysexits.h.
DISK_FULL = 74


class JournalCorrupt(ValueError):
    """A whole line that isn't as it was written; the message names file and byte offset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """``notes`` says what the place made of the recipe, for example why half precision is off; ``found_batch`` is the
    batch that was found, where the recipe has it found."""

    kind: ClassVar[str] = "started"
    first_epoch: int
    total_epochs: int
    steps_per_epoch: int
    total_steps: int
    resumed_step: int
    world_size: int
    device: str
    host: str
    notes: Mapping[str, str] = field(default_factory=dict)
    found_batch: FoundBatch | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """``loss`` and ``loss_parts`` are means since the last report; ``step`` counts from the run's beginning. The run
    ends in ``eta_s`` seconds, in four of five cases between ``eta_low_s`` and ``eta_high_s``: 0 where not known.
    ``gradient_norm`` is that of the last step before it was clipped, 0 where not known."""

    kind: ClassVar[str] = "progressed"
    step: int
    total_steps: int
    epoch: int
    loss: float
    learning_rate: float
    images_per_second: float
    eta_s: float
    loss_parts: Mapping[str, float] = field(default_factory=dict)
    eta_low_s: float = 0.0
    eta_high_s: float = 0.0
    gradient_norm: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochDone:
    """``val_loss`` is None and ``metrics`` are empty where the epoch was not validated. Of ``duration_s`` it waited for
    images for ``loading_s`` and validated for ``validating_s``; the rest is training.
    """

    kind: ClassVar[str] = "epoch"
    epoch: int
    total_epochs: int
    train_loss: float
    val_loss: float | None
    learning_rate: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    duration_s: float
    images_per_second: float
    eta_s: float
    is_best: bool
    loading_s: float = 0.0
    validating_s: float = 0.0
    eta_low_s: float = 0.0
    eta_high_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A file that a checkpoint needs beside its own; ``path`` is relative to the run's folder."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointWritten:
    """``path`` is relative to the run's folder; ``best``: this is the checkpoint the run would hand over by now.
    To go on from it, ``shards`` are needed as well."""

    kind: ClassVar[str] = "checkpoint"
    path: str
    sha256: str
    size_bytes: int
    epoch: int
    step: int
    best: bool
    shards: Sequence[Shard] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldProgressed:
    """A fold of the cross-validation is being trained, ``fold_step`` of ``fold_steps`` done; ``fold`` counts from 1.

    ``step``, ``total_steps``, ``epoch``, ``loss`` and ``learning_rate`` are where the run's own training ended, so that
    to whoever receives it the run neither goes back nor beyond its end; pace and ``eta_s`` are those of the folds.
    """

    kind: ClassVar[str] = "fold_progressed"
    fold: int
    folds: int
    fold_step: int
    fold_steps: int
    step: int
    total_steps: int
    epoch: int
    loss: float
    learning_rate: float
    images_per_second: float
    eta_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldEvaluated:
    """A fold is done; ``path``, relative to the run's folder, holds its result."""

    kind: ClassVar[str] = "fold"
    fold: int
    folds: int
    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """The checkpoint that the run hands over, in detail: ``diagrams``, ``matrices`` and ``by_class`` as
    ``Diagnostics.to_plain`` has them, ``custom_metrics`` those of plug-ins. ``left_out`` of them were too large."""

    kind: ClassVar[str] = "evaluated"
    epoch: int
    split: str
    diagrams: Sequence[Mapping[str, Any]] = ()
    matrices: Sequence[Mapping[str, Any]] = ()
    by_class: Sequence[Mapping[str, Any]] = ()
    custom_metrics: Mapping[str, float] = field(default_factory=dict)
    left_out: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """``path``, ``sha256``, ``size_bytes`` and ``metrics`` are those of the checkpoint the run hands over;
    ``comparison`` is None in journals of earlier versions."""

    kind: ClassVar[str] = "completed"
    epochs: int
    best_epoch: int
    metrics: Mapping[str, float]
    path: str
    sha256: str
    size_bytes: int
    weights_sha256: str
    duration_s: float
    report: str
    comparison: Comparison | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """``code``: out_of_memory, diverged, data_unreadable, device_error, disk_full, invalid_config or internal."""

    kind: ClassVar[str] = "failed"
    code: str
    message: str
    retryable: bool
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Paused:
    """Stopped on "pause" or "drain" (``reason``) after the checkpoint ``path`` was written."""

    kind: ClassVar[str] = "paused"
    reason: str
    step: int
    epoch: int
    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled:
    kind: ClassVar[str] = "cancelled"
    step: int
    epoch: int


Record = (
    Started
    | Progressed
    | EpochDone
    | CheckpointWritten
    | FoldProgressed
    | FoldEvaluated
    | Evaluated
    | Completed
    | Failed
    | Paused
    | Cancelled
)

_KINDS: Mapping[str, type[Record]] = MappingProxyType({kind.kind: kind for kind in get_args(Record)})


def read_from(path: Path, offset: int) -> tuple[tuple[Record, ...], int]:
    """Records from a byte offset on, and the offset behind the last whole line; at most READ_LIMIT_BYTES a call.

    A torn last line is left for the next call. Raises JournalCorrupt, and FileNotFoundError where there is none.
    """
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read(READ_LIMIT_BYTES)
    whole = content[: content.rfind(b"\n") + 1]
    if not whole and len(content) > LINE_LIMIT_BYTES:
        raise JournalCorrupt(f"{path} at byte {offset}: a line longer than {LINE_LIMIT_BYTES} bytes")
    records, at = [], offset
    for line in whole.splitlines(keepends=True):
        records.append(_parse(line, where=f"{path} at byte {at}"))
        at += len(line)
    return tuple(records), at


def records_of(path: Path) -> Iterator[Record]:
    """All whole records; none where there is no file."""
    offset, end = -1, 0
    while path.exists() and end > offset:
        offset = end
        records, end = read_from(path, offset)
        yield from records


class Writer(Protocol):
    def append(self, record: Record, *, durable: bool = False) -> None: ...


class Silence:
    """What processes other than the leading one write into."""

    def append(self, record: Record, *, durable: bool = False) -> None:
        """Nothing: the leading process says it."""


class Journal:
    """Appends records to the file. Use as a context manager; ``durable`` ones are on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seq = _cut_torn_line(path)
        self._file = path.open("ab", buffering=0)

    def append(self, record: Record, *, durable: bool = False) -> None:
        self._seq += 1
        line = encode(record, seq=self._seq)
        written = self._file.write(line)
        while written < len(line):  # a disk that fills up takes the rest or raises
            written += self._file.write(line[written:])
        if durable:
            os.fsync(self._file.fileno())

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def encode(record: Record, *, seq: int) -> bytes:
    """One line, newline included."""
    body = {"seq": seq, "kind": record.kind, **asdict(record)}
    return _dumps({**body, "crc": zlib.crc32(_dumps(body))}) + b"\n"


def _parse(line: bytes, *, where: str) -> Record:
    try:
        body = json.loads(line)
        crc, kind = body.pop("crc"), _KINDS[body["kind"]]
        if zlib.crc32(_dumps(body)) != crc:
            raise JournalCorrupt(f"{where}: the check sum doesn't match")
        known = {part.name for part in fields(kind)}
        if body.get("comparison"):
            body["comparison"] = comparison_from_plain(body["comparison"])
        if body.get("found_batch"):
            body["found_batch"] = FoundBatch(**body["found_batch"])
        if "shards" in body:
            body["shards"] = tuple(Shard(**shard) for shard in body["shards"])
        return kind(**{name: value for name, value in body.items() if name in known})
    except JournalCorrupt:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalCorrupt(f"{where}: not a journal record: {error!r}") from error


def _dumps(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _cut_torn_line(path: Path) -> int:
    """Lines in the file, after a torn one at its end was cut off."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return content.count(b"\n")
