"""The folder a training process is given: what to do, and where its own files go."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from truscore.catalog.table import row_of
from truscore.datasets import DatasetIndex, ImageRecord, Split, index_digest, index_from_json, split_from_json
from truscore.datasets.images.pack import PackFolder
from truscore.datasets.index.records import LitObject
from truscore.recipes import FoundBatch, Recipe, recipe_from_json

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.labelled import is_labelled, lacks_targets, left_out_note


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDir:
    """The folder and its layout. ``control`` is written by the service, the rest by the process."""

    path: Path

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def found_batch(self) -> Path:
        return self.path / "found-batch.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def folds(self) -> Path:
        return self.path / "folds"

    @property
    def report(self) -> Path:
        return self.path / "report"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingJob:
    """What to train, on which images; ``pretrained`` is the file of weights to start from, where there is one.

    ``class_names`` are what the network tells apart: classes, grades in ascending order, or the names of scores.
    ``grades`` are the numbers that the classes stand for, where they are grades. ``left_out`` says which images are in
    no part because they have no label that the task could learn; it is empty where there are none. ``cpu_processes``
    share the recipe's batch, on a machine without a GPU; of those with one each has the whole of it.
    Where the run is ``elastic``, processes may come and go, and those that there are share the batch.
    ``found_batch`` is what the run's earlier attempts found, where its recipe has the batch found; ``runs_at_once``
    share the memory of this machine. ``objects`` are what views under many lights show, with their maps. ``packs`` is
    where decoded pixels are kept for all runs of this machine.
    """

    run_id: str
    recipe: Recipe
    class_names: tuple[str, ...]
    images: Path
    pretrained: Path | None
    training: tuple[ImageRecord, ...]
    validation: tuple[ImageRecord, ...]
    test: tuple[ImageRecord, ...]
    dataset_digest: str
    grades: tuple[float, ...] = ()
    left_out: str = ""
    cpu_processes: int = 1
    git_commit: str = ""  # of the trainer's source; empty where nobody knows
    git_dirty: bool = False
    objects: tuple[LitObject, ...] = ()
    packs: PackFolder | None = None
    time_budget_s: float = 0.0  # of training, over all attempts; 0 for no bound
    elastic: bool = False
    found_batch: FoundBatch | None = None
    runs_at_once: int = 1


def shared_among(job: TrainingJob, world_size: int) -> TrainingJob:
    """The job for so many processes. Raises InvalidJob where they can't share an elastic run's batch evenly."""
    if not job.elastic:
        return job
    batch = job.recipe.hyperparameters.optimization.batch_size
    if batch % world_size:
        raise InvalidJob(f"the run has {world_size} processes for a batch of {batch}: expected a divisor of the batch")
    return replace(job, cpu_processes=world_size)


def read_job(run_dir: RunDir) -> TrainingJob:
    """Raises InvalidJob, InvalidConfig, InvalidIndex, InvalidSplit or FileNotFoundError."""
    plain = _parsed(run_dir.path / "order.json")
    try:
        index = index_from_json((run_dir.path / plain["index"]).read_bytes())
        split = split_from_json((run_dir.path / plain["split"]).read_bytes())
        recipe = recipe_from_json(plain["recipe"])
        task = row_of(recipe.category, recipe.option, recipe.architecture).task
        unlabelled = tuple(
            record.path for record in index.images if not is_labelled(record, task, objects=index.objects)
        )
        parts = _parts(index, split, left_out=frozenset(unlabelled))
        if reason := lacks_targets(parts["training"], task, objects=index.objects):
            raise InvalidJob(f"nothing to train on: {reason}")
        return TrainingJob(
            run_id=str(plain["run_id"]),
            recipe=recipe,
            class_names=_outputs(task, recipe, index) or tuple(plain["class_names"]),
            images=run_dir.path / plain["images"],
            pretrained=run_dir.path / plain["pretrained"] if plain.get("pretrained") else None,
            **parts,
            dataset_digest=index_digest(index),
            grades=index.grades,
            left_out=left_out_note(unlabelled, task),
            cpu_processes=_cpu_processes(plain.get("cpu_processes", 1), recipe),
            git_commit=str(plain.get("git_commit", "")),
            git_dirty=bool(plain.get("git_dirty", False)),
            objects=index.objects,
            packs=_packs(plain.get("packs")),
            elastic=bool(plain.get("elastic", False)),
            found_batch=FoundBatch(**plain["found_batch"]) if plain.get("found_batch") else None,
            runs_at_once=int(plain.get("runs_at_once", 1)),
            time_budget_s=float(plain.get("time_budget_s", 0.0)),
        )
    except (KeyError, TypeError) as error:
        raise InvalidJob(f"order.json: lacks or misuses {error}") from error


def local_batch(job: TrainingJob) -> int:
    """Images of a batch of one process."""
    return job.recipe.hyperparameters.optimization.batch_size // job.cpu_processes


def _cpu_processes(count: Any, recipe: Recipe) -> int:
    batch = recipe.hyperparameters.optimization.batch_size
    if not isinstance(count, int) or count < 1 or batch % count:
        raise InvalidJob(f"order.json: cpu_processes {count!r}: expected a divisor of the batch of {batch}")
    return count


def _packs(plain: Any) -> PackFolder | None:
    """Where the order names a folder."""
    if plain is None:
        return None
    return PackFolder(
        path=Path(plain["folder"]), limit_bytes=plain["limit_bytes"], min_free_bytes=plain["min_free_bytes"]
    )


def _outputs(task: str, recipe: Recipe, index: DatasetIndex) -> tuple[str, ...]:
    """Names of the scores where scores are what is learned; nothing elsewhere."""
    if task != "regression":
        return ()
    named = tuple(sorted({name for record in index.images for name, _ in record.scores}))
    if not named:
        raise InvalidJob(f"the dataset has no scores; {recipe.option} learns from numbers, one or more for each image")
    return named


def _parsed(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidJob(f"{path.name}: not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise InvalidJob(f"{path.name}: expected an object, found {type(plain).__name__}")
    return plain


def _parts(index: DatasetIndex, split: Split, *, left_out: frozenset[str]) -> dict[str, tuple[ImageRecord, ...]]:
    by_path = {record.path: record for record in index.images}

    def part(name: str, paths: Sequence[str], *, least: int) -> tuple[ImageRecord, ...]:
        unknown = [path for path in paths if path not in by_path]
        if unknown:
            raise InvalidJob(f"split.json: {name} names {unknown[0]!r}, which is not in the index")
        labelled = [path for path in paths if path not in left_out]
        if len(labelled) < least:
            reason = f"; its {len(paths)} images have no label, grade or score to learn" if paths else ""
            raise InvalidJob(f"split.json: {name} has no images; training needs at least one{reason}")
        return tuple(by_path[path] for path in labelled)

    return {
        "training": part("train", split.train, least=1),
        "validation": part("validation", split.validation, least=1),
        "test": part("test", split.test, least=0),
    }
