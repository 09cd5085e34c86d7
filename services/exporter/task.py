"""What the service and its child say to each other: one task in, one result out, both as JSON on disk."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from services.exporter.release import Artifact, Refusal

TASK_FILE = "task.json"
RESULT_FILE = "result.json"
DISK_FULL = 74  # exit code of a child that could write no further: EX_IOERR of sysexits.h


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatedImage:
    """`path` is its place in the dataset, `file` its place on this disk; `split` "validation" or "test"."""

    split: str
    path: str
    file: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LitSet:
    """Objects under many lights: `folder` has the files of their views and maps at their paths in the dataset. `shown`
    are names of objects of the validation split, `evaluated` splits with names of labelled ones."""

    folder: str
    shown: tuple[str, ...]
    evaluated: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Formats to make of a checkpoint on this disk, and the pictures to prove them on. Paths are absolute."""

    checkpoint: str
    formats: tuple[str, ...]
    pictures: tuple[str, ...]
    benchmark_rounds: int
    output_folder: str
    # Written into the files themselves.
    provenance: Mapping[str, str]
    # Pictures of the training split, for formats that are calibrated.
    calibration: tuple[str, ...] = ()
    # Labelled images that the task's own metrics are measured on, and the dataset's index that has their labels, with
    # the paths of the training split; none without an index.
    evaluated: tuple[EvaluatedImage, ...] = ()
    index: str = ""
    training: tuple[str, ...] = ()
    # What the checkpoint has to be of: category, option and architecture; empty where nobody says.
    row: tuple[str, ...] = ()
    # In the place of pictures and evaluated images, for models that take the views of an object.
    lit: LitSet | None = None
    threads: int = 0  # that models are run on; as many as torch takes by itself with 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What was made, in the task's output folder, and what was not."""

    artifacts: tuple[Artifact, ...]
    refusals: tuple[Refusal, ...]


_TASK, _RESULT = TypeAdapter(Task), TypeAdapter(Result)


class UnreadableResult(ValueError):
    """A result that is not whole."""


def write_task(folder: Path, task: Task) -> None:
    (folder / TASK_FILE).write_text(json.dumps(asdict(task)), encoding="utf-8")


def read_task(folder: Path) -> Task:
    return _TASK.validate_json((folder / TASK_FILE).read_bytes())


def write_result(folder: Path, result: Result) -> None:
    partial = folder / (RESULT_FILE + ".part")
    partial.write_text(json.dumps(asdict(result)), encoding="utf-8")
    partial.replace(folder / RESULT_FILE)


def read_result(folder: Path) -> Result:
    try:
        return _RESULT.validate_json((folder / RESULT_FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise UnreadableResult(f"{folder / RESULT_FILE}: {error!r}") from error
