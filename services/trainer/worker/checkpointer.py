"""Writes the checkpoints of a run, and the journal's record of each."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from types import TracebackType

from services.trainer.journal import CheckpointWritten, EpochDone, Paused, Record, Writer, records_of
from services.trainer.worker.background_save import BackgroundSave
from services.trainer.worker.checkpoint import (
    BEST,
    LATEST,
    WrittenFile,
    contents,
    digest_of,
    link_as,
    read,
    restore,
    write,
)
from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.loop import TrainingRun
from services.trainer.worker.run_dir import RunDir
from services.trainer.worker.sharded_checkpoint import (
    Saved,
    is_sharded,
    remove_all_but,
    sharded_checkpoints,
    shards_in,
    whole_optimizer,
)


class Checkpointer:
    """The order of its writes is what a kill at any point can't hurt: checkpoint first, then the journal's record.

    An epoch whose record went missing in between is journalled when the run is resumed. Use as a context manager:
    weights in shards are saved beside training, and what is being saved at the end is waited for.
    """

    def __init__(self, *, run_dir: RunDir, run: TrainingRun, class_names: tuple[str, ...], journal: Writer) -> None:
        self._run_dir = run_dir
        self._run = run
        self._class_names = class_names
        self._journal = journal
        self._saving = run.recipe.hyperparameters.training_process.checkpoint_saving
        self._sharded = sharded_checkpoints(run_dir, run)
        self._background = BackgroundSave(journal)
        # Folders of shards: of the checkpoint that the run went on from, and of the best so far.
        self._latest_shards = self._best_shards = ""

    def __enter__(self) -> "Checkpointer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What went wrong first is what is reported.
        with suppress(Exception) if error is not None else nullcontext():
            self.wait()
        self._background.close()

    def report(self, record: Record) -> None:
        """Journal a record, behind those of a checkpoint that is being written."""
        self._background.append(record)

    def wait(self) -> None:
        """Until what is being saved is."""
        self._background.wait()

    def resume(self) -> bool:
        """Put the run where its latest checkpoint has it; whether there is one."""
        latest, group = self._run_dir.checkpoints / LATEST, self._run.group
        own = read(latest) if group.local_rank == 0 and latest.exists() else None
        if own is not None and is_sharded(own["optimizer"]):
            self._latest_shards, self._best_shards = own["optimizer"]["shards"], own["optimizer"]["best"]
            if self._sharded is None:
                own["optimizer"] = whole_optimizer(own["optimizer"], self._run_dir.checkpoints)
        # A host that joins, or was away, may lead and have an older one, or none: the newest counts.
        steps = group.all_gather([-1 if own is None else int(own["progress"]["step"])])
        # Read once and handed to all: ranks on other hosts may not see this disk, and all go on from the same bytes.
        content = group.broadcast(own, source=steps.index(max(steps)))
        if content is None:
            return False
        by_shards = self._sharded if is_sharded(content["optimizer"]) else None
        restore(self._run, content, self._class_names, None if by_shards is None else by_shards.restore)
        return True

    def journal_missing_epoch(self) -> None:
        """Do what the process before was killed in the middle of."""
        progress = self._run.progress
        # At step 0 of an epoch the checkpoint is that of the epoch before, whose record may be missing; at any other
        # step it is a pause's.
        if self._run.group.is_main and progress.history and progress.step_in_epoch == 0:
            done, journal = progress.history[-1], self._run_dir.journal
            if not any(isinstance(record, EpochDone) and record.epoch == done.epoch for record in records_of(journal)):
                latest = digest_of(self._run_dir.checkpoints / LATEST)
                saved = Saved(file=latest, shards=shards_in(self._run_dir, self._latest_shards))
                self._journal_all(self._epoch_records(saved, done, step=progress.step))

    def save_epoch(self, done: EpochDone) -> None:
        """Save after an epoch and journal it."""
        step = self._run.progress.step
        self._save(lambda saved: self._epoch_records(saved, done, step=step), is_best=done.is_best)
        if not self._run.group.is_main:
            self._keep_best_replica(done)

    def save_pause(self, reason: str) -> None:
        """Save in the middle of an epoch and journal the pause."""
        epoch, step = len(self._run.progress.history), self._run.progress.step
        self._save(
            lambda saved: [self._record_of(saved, epoch=epoch, step=step, best=False), self._paused(reason, saved.file)]
        )
        self.wait()

    def record_pause(self, reason: str) -> None:
        """Say so where the run is over and only what follows it was stopped: its end is saved as it is."""
        if self._run.group.is_main:
            self._journal.append(self._paused(reason, digest_of(self._run_dir.checkpoints / LATEST)), durable=True)

    def _paused(self, reason: str, written: WrittenFile) -> Paused:
        progress = self._run.progress
        return Paused(
            reason=reason,
            step=progress.step,
            epoch=progress.epoch,
            path=self._name(written),
            sha256=written.sha256,
            size_bytes=written.size_bytes,
        )

    def final_checkpoint(self) -> WrittenFile:
        """The checkpoint the run gives away, once it is over. Raises InvalidJob where it went missing."""
        # Not the highest score of the history: the file that was linked when that epoch ended.
        place = self._run_dir.checkpoints / (LATEST if self._saving == "latest" else BEST)
        if not place.exists():
            raise InvalidJob(f"checkpoints/{place.name} is missing, the best of the run's epochs")
        return digest_of(place)

    def remove_superseded(self) -> None:
        """Remove what the recipe doesn't keep; only once the end is in the journal, as until then a resume needs it."""
        if self._saving == "best" and self._run.group.is_main:
            (self._run_dir.checkpoints / LATEST).unlink(missing_ok=True)
            remove_all_but(self._run_dir, self._best_shards)

    def _save(self, records: Callable[[Saved], Sequence[Record]], *, is_best: bool = False) -> None:
        """Save, then journal what the leading process says of it; every process has a part in the contents."""
        self.wait()
        if self._sharded is None:
            if (written := self._write_whole()) is not None:
                self._journal_all(records(Saved(file=written)))
            return
        begun = self._sharded.begin(self._class_names, best=None if is_best else self._best_shards)
        self._best_shards = best = begun.name if is_best else self._best_shards

        def save() -> Sequence[Record]:
            if (saved := begun.finish()) is None:
                return ()
            journalled = records(saved)
            if self._saving != "all":
                remove_all_but(self._run_dir, begun.name, best)
            return journalled

        self._background.begin(save)

    def _write_whole(self) -> WrittenFile | None:
        content, group = contents(self._run, self._class_names), self._run.group
        latest = self._run_dir.checkpoints / LATEST
        if group.keeps_replica:
            # So that the run goes on without the host that led it.
            write(content, latest)
        return write(content, latest) if group.is_main else None

    def _journal_all(self, records: Sequence[Record]) -> None:
        for record in records:
            # The last one's sync takes along what the file has before it.
            self._journal.append(record, durable=record is records[-1])

    def _keep_best_replica(self, done: EpochDone) -> None:
        if self._run.group.keeps_replica and done.is_best and self._saving != "latest":
            link_as(digest_of(self._run_dir.checkpoints / LATEST), BEST)

    def _epoch_records(self, saved: Saved, done: EpochDone, *, step: int) -> Sequence[Record]:
        # Linked before a record names them: a record never points at a file that is not there.
        if done.is_best and self._saving != "latest":
            saved = replace(saved, file=link_as(saved.file, BEST))
        if self._saving == "all":
            # Padded with zeros, so that names sort by epoch; a link, so that nothing is written twice.
            saved = replace(saved, file=link_as(saved.file, f"epoch-{done.epoch:05d}.pt"))
        # Under "latest" the newest checkpoint is the one to hand over, whatever its score.
        best = done.is_best or self._saving == "latest"
        return [self._record_of(saved, epoch=done.epoch, step=step, best=best), done]

    def _record_of(self, saved: Saved, *, epoch: int, step: int, best: bool) -> CheckpointWritten:
        return CheckpointWritten(
            path=self._name(saved.file),
            sha256=saved.file.sha256,
            size_bytes=saved.file.size_bytes,
            epoch=epoch,
            step=step,
            best=best,
            shards=saved.shards,
        )

    def _name(self, written: WrittenFile) -> str:
        return written.path.relative_to(self._run_dir.path).as_posix()
