"""Prepares the folder an attempt trains in: dataset, split, weights to start from, checkpoint to go on from.

<workdir>/cache/                    objects by digest, bounded
<workdir>/runs/<run_id>/images/     the dataset's images at their paths, shared by the attempts
                        relay.json  how far the journals were relayed
                        attempt-<n> the folder the training process is given
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from truscore.datasets import DatasetIndex, InvalidIndex, Split, index_from_json, split_dataset, split_to_json
from truscore.files import is_full_disk
from truscore.process.code_version import CodeVersion
from truscore.recipes import Recipe, pretrained_key, published_name, recipe_to_json
from truscore.storage import (
    AccessRefused,
    Cache,
    DigestMismatch,
    InvalidUri,
    NoSpace,
    ObjectMissing,
    Store,
    Stored,
    TooLarge,
    fetch_many,
)
from truscore.validation.report.signature import Verifier

from services.trainer.inputs.cpu_processes import decide_processes, recorded_processes
from services.trainer.inputs.downloads import NotFetched
from services.trainer.inputs.last_checkpoints import keep_last_checkpoints
from services.trainer.inputs.packaged_source import fetch_packaged
from services.trainer.inputs.pretrained_source import LibrarySource
from services.trainer.inputs.report_check import ReportMismatch, check_report
from services.trainer.plan import Plan
from services.trainer.run_store.attempts import Attempt
from services.trainer.run_store.json_objects import read_json
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.segments import Segments
from services.trainer.run_store.uploads import BEST, FOLDS_LIMIT, LATEST, fetch_shards, read_pointer
from services.trainer.runs.journal_relay import Position, attempt_folder, furthest, journal_path, load_position

log = structlog.get_logger(__name__)
INDEX_LIMIT_BYTES = 1 << 30
SPLIT_LIMIT_BYTES = 256 << 20
REPORT_LIMIT_BYTES = 256 << 20
POINTER_TRIES = 3


class CannotPrepare(Exception):
    """The run can't be started here: `code` says what kind of reason, `retryable` whether it may pass."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


def split_for(index: DatasetIndex, recipe: Recipe) -> Split:
    """The dataset's split by the recipe's shares and seed."""
    held_out = (recipe.split.validation_fraction, recipe.split.test_fraction)
    return split_dataset(index, seed=recipe.seed, fractions=(1 - sum(held_out), *held_out))


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedRun:
    """A run's folder, ready for its attempts."""

    run_folder: Path
    config: Stored
    split: Stored
    cpu_processes: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """The trainer's disk. ``cores`` are those that a run may train on where there is no GPU.

    ``remote``: training processes have a workspace of their own elsewhere, where images, weights and checkpoints are
    fetched to; here is only what the service itself reads. ``elastic``: those processes are on several hosts, which may
    come and go, and share the recipe's batch.
    """

    store: Store
    workdir: Path
    cache: Cache
    bucket: str
    min_free_bytes: int
    kept_runs: int
    code: CodeVersion
    source: LibrarySource
    cores: int = 1
    packs_bytes: int = 0  # of decoded pixels that runs share; 0 for none
    verifier: Verifier = field(default_factory=Verifier)
    remote: bool = False
    elastic: bool = False
    runs_at_once: int = 1  # that share this machine's memory

    def run_folder(self, run_id: str) -> Path:
        return self.workdir / "runs" / run_id

    def lay_out(self, plan: Plan) -> PreparedRun:
        """Bring the dataset here and store what decides the run. Raises CannotPrepare and StoreError."""
        with self._full_disk_as_refusal():
            return self._lay_out(plan)

    def set_up(self, plan: Plan, prepared: PreparedRun, attempt: Attempt) -> tuple[Path, Position]:
        """The attempt's folder, and how far its journals were relayed. Raises CannotPrepare and StoreError."""
        with self._full_disk_as_refusal():
            return self._set_up(plan, prepared, attempt)

    @contextmanager
    def _full_disk_as_refusal(self) -> Iterator[None]:
        try:
            yield
        except (NoSpace, OSError) as error:
            if not isinstance(error, NoSpace) and not is_full_disk(error):
                raise
            raise CannotPrepare("disk_full", f"{self.workdir}: {error}", retryable=True) from error

    def _lay_out(self, plan: Plan) -> PreparedRun:
        keys = RunKeys(bucket=self.bucket, run_id=plan.run_id)
        folder = self.run_folder(plan.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._check_verdict(plan)
            index = self._index(plan, folder)
            split = self._split(plan, index, keys, folder)
            if not self.remote:
                self._fetch_images(plan, index, folder / "images")
                self._fetch_pretrained(plan, folder)
        except (ObjectMissing, DigestMismatch, InvalidIndex, InvalidUri, TooLarge) as error:
            # It was validated, so it was there: somebody changed it since.
            raise CannotPrepare("dataset_changed", str(error), retryable=False) from error
        except ReportMismatch as error:
            raise CannotPrepare("dataset_not_vouched", str(error), retryable=False) from error
        config = self.store.put(keys.config, recipe_to_json(plan.recipe).encode(), content_type="application/json")
        return PreparedRun(
            run_folder=folder, config=config, split=split, cpu_processes=recorded_processes(self.store, keys)
        )

    def _set_up(self, plan: Plan, prepared: PreparedRun, attempt: Attempt) -> tuple[Path, Position]:
        keys = RunKeys(bucket=self.bucket, run_id=plan.run_id)
        folder = attempt_folder(prepared.run_folder, attempt.number)
        shutil.rmtree(folder, ignore_errors=True)  # of a start that lost the race for this number
        pointer = read_pointer(self.store, keys, LATEST)
        position = furthest([load_position(prepared.run_folder), *([pointer.relayed] if pointer else [])])
        for number in range(position.attempt, attempt.number):
            self._fetch_journal(keys, prepared.run_folder, number)
        prune = plan.recipe.hyperparameters.training_process.checkpoint_saving != "all"
        keep_last_checkpoints(self.store, keys, prepared.run_folder, attempt, remote=self.remote, prune=prune)
        for number in range(1, attempt.number):
            shutil.rmtree(attempt_folder(prepared.run_folder, number) / "checkpoints", ignore_errors=True)
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        if not self.remote:
            self._fetch_checkpoints(keys, folder)
            self._fetch_folds(keys, folder)
        for name in ("index.json", "split.json"):
            _link(prepared.run_folder / name, folder / name)
        (folder / "order.json").write_text(json.dumps(self._order(plan, prepared, attempt), indent=1))
        return folder, position

    def prune(self, *, active: Collection[str]) -> None:
        """Remove the folders of all but the youngest runs that are not under way."""
        runs = self.workdir / "runs"
        idle = [path for path in runs.iterdir() if path.name not in active] if runs.is_dir() else []
        for path in sorted(idle, key=lambda path: path.stat().st_mtime, reverse=True)[self.kept_runs :]:
            shutil.rmtree(path, ignore_errors=True)

    def _check_verdict(self, plan: Plan) -> None:
        report = plan.order.report
        content = self.store.get(report.uri, limit_bytes=REPORT_LIMIT_BYTES, sha256=report.sha256)
        check_report(plan.order, content, verifier=self.verifier)

    def _index(self, plan: Plan, folder: Path) -> DatasetIndex:
        index = plan.order.index
        self.store.get_file(index.uri, folder / "index.json", sha256=index.sha256, limit_bytes=INDEX_LIMIT_BYTES)
        return index_from_json((folder / "index.json").read_bytes())

    def _split(self, plan: Plan, index: DatasetIndex, keys: RunKeys, folder: Path) -> Stored:
        """The split of the first attempt, for ever: later code that splits otherwise must not move images."""
        try:
            return self.store.get_file(keys.split, folder / "split.json", limit_bytes=SPLIT_LIMIT_BYTES)
        except ObjectMissing:
            split = split_for(index, plan.recipe)
            (folder / "split.json").write_text(split_to_json(split))
            # Before the split is stored: who finds one finds what was decided with it.
            decide_processes(self.store, keys, plan.recipe, images=len(split.train), cores=self.cores)
            return self.store.put_file(keys.split, folder / "split.json")

    def _fetch_images(self, plan: Plan, index: DatasetIndex, images: Path) -> None:
        prefix = plan.order.uri.rstrip("/")
        # What is there was verified when it came, and appeared whole.
        missing = [image for image in index.images if not _has(images / image.path, image.size_bytes)]
        self._check_free_space(sum(image.size_bytes for image in missing))
        wanted = [(f"{prefix}/{image.path}", image.sha256, _inside(images, image.path)) for image in missing]
        maps = [each for lit in index.objects for each in lit.maps]
        # Their sizes are in no index, so that they are fetched anew where a run goes on: out of the cache, mostly.
        wanted += [(f"{prefix}/{each.path}", each.sha256, _inside(images, each.path)) for each in maps]
        fetch_many(self.store, wanted, cache=self.cache)

    def _check_free_space(self, needed_bytes: int) -> None:
        free_bytes = shutil.disk_usage(self.workdir).free
        if free_bytes < needed_bytes + self.min_free_bytes:
            raise CannotPrepare(
                "disk_full",
                f"{self.workdir} has {free_bytes} bytes free; "
                f"the dataset needs {needed_bytes} and the run {self.min_free_bytes}",
                retryable=True,
            )

    def _fetch_pretrained(self, plan: Plan, folder: Path) -> None:
        key = pretrained_key(plan.recipe)
        place = folder / "pretrained.pth"
        if key is None or place.exists():
            return
        uri = f"s3://{self.bucket}/{key}"
        if no_package := self._why_not_packaged(plan.recipe, place):
            try:
                self.store.get_file(uri, place)
            except ObjectMissing:
                self._fetch_published(plan.recipe, uri, place, no_package=no_package)

    def _why_not_packaged(self, recipe: Recipe, place: Path) -> str:
        """Empty where the weights came out of an installed package."""
        network, name = recipe.architecture_config.base_architecture, published_name(recipe)
        try:
            if not name:
                raise NotFetched("no package has files of your own")
            fetch_packaged(network, name, place)
        except NotFetched as why:
            return str(why)
        log.info("weights were taken from their package", network=network, name=name)
        return ""

    def _fetch_published(self, recipe: Recipe, uri: str, place: Path, *, no_package: str) -> None:
        """Weights that the store has not, from their library's source; the store has them from then on."""
        architecture, name = recipe.architecture_config, published_name(recipe)
        try:
            if not name:
                raise NotFetched("a file of your own, which no library publishes")
            self.source.fetch(architecture.base_architecture, name, place)
        except NotFetched as why:
            message = (
                f"architecture_config.pretrained_weights: {architecture.pretrained_weights!r} for "
                f"{architecture.base_architecture} came from no package ({no_package}), is not in the store ({uri}), "
                f"nor did it come from its library's source ({why}); install the package, put it into the store, see "
                "to the source, or ask for none"
            )
            raise CannotPrepare("pretrained_missing", message, retryable=True) from why
        log.info("weights were fetched from their library's source", network=architecture.base_architecture, name=name)
        try:
            self.store.put_file(uri, place)
        except AccessRefused as error:
            log.warning("the store takes no weights from us; they are fetched again next time", error=str(error))

    def _fetch_checkpoints(self, keys: RunKeys, folder: Path) -> None:
        for tries_left in reversed(range(POINTER_TRIES)):
            latest, best = (read_pointer(self.store, keys, name) for name in (LATEST, BEST))
            try:
                for name, pointer in ((LATEST, latest), (BEST, best)):
                    if latest and pointer:
                        path = folder / "checkpoints" / f"{name}.pt"
                        self.store.get_file(pointer.uri, path, sha256=pointer.sha256)
                fetch_shards(self.store, keys, latest.shards if latest else (), folder)
            except ObjectMissing:
                # An attempt that does not know yet that it was overtaken has moved the pointer in between.
                if tries_left:
                    continue
                self._begin_again(folder, keys)
            except DigestMismatch:
                self._begin_again(folder, keys)
            return

    def _fetch_folds(self, keys: RunKeys, folder: Path) -> None:
        (folder / "folds").mkdir(exist_ok=True)
        for entry in list(self.store.list(keys.folds, limit=FOLDS_LIMIT)):
            # Gone where an attempt that was overtaken too late has completed the run: then the fold is trained again.
            with suppress(ObjectMissing):
                self.store.get_file(entry.uri, folder / "folds" / entry.uri.rsplit("/", 1)[-1])

    def _begin_again(self, folder: Path, keys: RunKeys) -> None:
        """Without its checkpoints a run trains from its beginning: the same seed, the same end, only later."""
        log.exception("a checkpoint is missing or damaged; training begins again", run_id=keys.run_id)
        shutil.rmtree(folder / "checkpoints")
        (folder / "checkpoints").mkdir()

    def _fetch_journal(self, keys: RunKeys, run_folder: Path, attempt: int) -> None:
        path = journal_path(run_folder, attempt)
        if self.remote:
            path.parent.mkdir(parents=True, exist_ok=True)
            Segments(self.store, keys, attempt).copy_to(path)
            if path.stat().st_size:
                return
            path.unlink()
        if path.exists():
            return  # written here: it holds at least what was uploaded
        try:
            self.store.get_file(keys.journal(attempt), path)
        except ObjectMissing:
            return  # that attempt never came to a checkpoint: the next one trained, and reported, it all again

    def _order(self, plan: Plan, prepared: PreparedRun, attempt: Attempt) -> dict[str, object]:
        pretrained = prepared.run_folder / "pretrained.pth"
        return {
            "run_id": plan.run_id,
            "attempt": attempt.number,
            "recipe": json.loads(recipe_to_json(plan.recipe)),
            "class_names": list(plan.order.class_names),
            "index": "index.json",
            "split": "split.json",
            "images": str(prepared.run_folder / "images"),
            "pretrained": str(pretrained) if pretrained.exists() else "",
            "git_commit": self.code.git_commit,
            "git_dirty": self.code.git_dirty,
            "cpu_processes": prepared.cpu_processes,
            "packs": self._packs(),
            "time_budget_s": plan.order.time_budget_s,
            "elastic": self.elastic,
            "found_batch": self._found_batch(plan),
            "runs_at_once": self.runs_at_once,
        }

    def _found_batch(self, plan: Plan) -> dict[str, object] | None:
        """What an earlier attempt found, where the recipe has the batch found."""
        if not plan.recipe.hyperparameters.optimization.find_batch_size:
            return None
        return read_json(self.store, RunKeys(bucket=self.bucket, run_id=plan.run_id).found_batch)

    def _packs(self) -> dict[str, object] | None:
        if not self.packs_bytes:
            return None
        return {
            "folder": str(self.workdir / "packs"),
            "limit_bytes": self.packs_bytes,
            "min_free_bytes": self.min_free_bytes,
        }


def _inside(folder: Path, path: str) -> Path:
    """The path below the folder; the index was made from untrusted names."""
    place = folder / path
    if ".." in Path(path).parts or Path(path).is_absolute():
        raise CannotPrepare(
            "dataset_changed", f"the index names {path!r}, which is outside the dataset", retryable=False
        )
    return place


def _has(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except OSError:
        return False


def _link(source: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    place.hardlink_to(source)
