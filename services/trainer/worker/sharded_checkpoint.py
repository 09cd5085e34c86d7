"""A checkpoint whose optimizer lies in shards: the folders of a run's shards, and the file that names one of them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.files import sha256_of

from services.trainer.journal import Shard
from services.trainer.worker.checkpoint import LATEST, WrittenFile, contents, write
from services.trainer.worker.in_shards import in_shards
from services.trainer.worker.loop import TrainingRun
from services.trainer.worker.run_dir import RunDir

if TYPE_CHECKING:
    from services.trainer.worker.shards import ShardedOptimizer

# ``shards`` is imported where a run has some: that takes seconds of a core.
PREFIX = "shards-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """What of a checkpoint is on the disk."""

    file: WrittenFile
    shards: tuple[Shard, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BegunCheckpoint:
    """``name`` is the folder of its shards; ``finish`` writes it, and gives nothing but on the leading process."""

    name: str
    finish: Callable[[], Saved | None]


class ShardedCheckpoints:
    """Writes and reads them. On several hosts, which share no disk, there are none: each host keeps a whole one."""

    def __init__(self, run_dir: RunDir, run: TrainingRun, optimizer: "ShardedOptimizer") -> None:
        self._run_dir, self._run, self._optimizer = run_dir, run, optimizer

    def begin(self, class_names: tuple[str, ...], *, best: str | None) -> BegunCheckpoint:
        """A copy of what the run is now, to be written in a thread. ``best`` is the folder of the best one so far,
        None where it is this. All processes ask."""
        from torch.distributed.checkpoint.api import CheckpointException

        group = self._run.group
        content = contents(self._run, class_names, sharded=True)
        name = group.broadcast(self._unused_folder() if group.is_main else "")
        folder = self._run_dir.checkpoints / name
        written, groups = self._optimizer.begin_writing(folder)
        content["optimizer"] = {"shards": name, "best": name if best is None else best, "groups": groups}
        if group.is_main:
            # The network that is evaluated goes on changing, an epoch later.
            content["model"] = {key: value.detach().to("cpu", copy=True) for key, value in content["model"].items()}

        def finish() -> Saved | None:
            # Ends when all processes have written: until the file below names them, the checkpoint before counts.
            try:
                written.result()
            except CheckpointException as error:
                # By rank: a full disk is to be told from the rest by its own error.
                raise next(iter(error.failures.values()))[0] from error
            if not group.is_main:
                return None
            shards = shards_in(self._run_dir, name)
            return Saved(file=write(content, self._run_dir.checkpoints / LATEST), shards=shards)

        return BegunCheckpoint(name=name, finish=finish)

    def restore(self, optimizer: dict[str, Any]) -> None:
        """Put the optimizer's state back, out of shards or out of a whole checkpoint. All processes ask."""
        self._optimizer.load(self._run_dir.checkpoints / optimizer["shards"], optimizer["groups"])

    def _unused_folder(self) -> str:
        # One that was killed, or that pauses again at once, has left shards of the same step.
        number = 0
        while (self._run_dir.checkpoints / f"{PREFIX}{self._run.progress.step:09d}-{number}").exists():
            number += 1
        return f"{PREFIX}{self._run.progress.step:09d}-{number}"


def shards_in(run_dir: RunDir, name: str) -> tuple[Shard, ...]:
    """The files of a folder of shards, hashed as they lie there; none where it has no name."""
    if not name:
        return ()
    from services.trainer.worker.shards import sync_files

    return tuple(
        Shard(
            path=path.relative_to(run_dir.path).as_posix(), sha256=sha256_of(path), size_bytes=path.stat().st_size
        )
        for path in sync_files(run_dir.checkpoints / name)
    )  # fmt: skip


def remove_all_but(run_dir: RunDir, *needed: str) -> None:
    """Remove folders of shards that no checkpoint names any more."""
    for path in run_dir.checkpoints.glob(f"{PREFIX}*"):
        if path.name not in needed:
            shutil.rmtree(path, ignore_errors=True)


def sharded_checkpoints(run_dir: RunDir, run: TrainingRun) -> ShardedCheckpoints | None:
    """None where the run has none of its own."""
    on_one_host = run.group.local_world_size == run.group.world_size
    if not on_one_host or not in_shards(run.model):
        return None
    from services.trainer.worker.shards import ShardedOptimizer

    return ShardedCheckpoints(run_dir, run, ShardedOptimizer(run.model, run.optimizer))


def is_sharded(optimizer: dict[str, Any]) -> bool:
    """Whether a checkpoint's optimizer lies beside its file."""
    return "shards" in optimizer


def whole_optimizer(optimizer: dict[str, Any], checkpoints: Path) -> dict[str, Any]:
    """The state out of its shards, for a run without. Raises InvalidJob where they are missing."""
    from services.trainer.worker.shards import read_whole

    return read_whole(checkpoints / optimizer["shards"], optimizer["groups"])
