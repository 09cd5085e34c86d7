"""Writes the checkpoints of a run, and the journal's record of each."""

from services.trainer.journal import CheckpointWritten, EpochDone, Paused, Writer, records_of
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


class Checkpointer:
    """The order of its writes is what a kill at any point can't hurt: checkpoint first, then the journal's record.

    An epoch whose record went missing in between is journalled when the run is resumed.
    """

    def __init__(self, *, run_dir: RunDir, run: TrainingRun, class_names: tuple[str, ...], journal: Writer) -> None:
        self._run_dir = run_dir
        self._run = run
        self._class_names = class_names
        self._journal = journal
        self._saving = run.recipe.hyperparameters.training_process.checkpoint_saving

    def resume(self) -> bool:
        """Put the run where its latest checkpoint has it; whether there is one."""
        latest, group = self._run_dir.checkpoints / LATEST, self._run.group
        own = read(latest) if group.local_rank == 0 and latest.exists() else None
        # A host that joins, or was away, may lead and have an older one, or none: the newest counts.
        steps = group.all_gather([-1 if own is None else int(own["progress"]["step"])])
        # Read once and handed to all: ranks on other hosts may not see this disk, and all go on from the same bytes.
        content = group.broadcast(own, source=steps.index(max(steps)))
        if content is None:
            return False
        restore(self._run, content, self._class_names)
        return True

    def journal_missing_epoch(self) -> None:
        """Do what the process before was killed in the middle of."""
        progress = self._run.progress
        # At step 0 of an epoch the checkpoint is that of the epoch before, whose record may be missing; at any other
        # step it is a pause's.
        if self._run.group.is_main and progress.history and progress.step_in_epoch == 0:
            done, journal = progress.history[-1], self._run_dir.journal
            if not any(isinstance(record, EpochDone) and record.epoch == done.epoch for record in records_of(journal)):
                self._journal_epoch(digest_of(self._run_dir.checkpoints / LATEST), done)

    def save_epoch(self, done: EpochDone) -> None:
        """Save after an epoch and journal it."""
        written = self._save()
        if written is None:
            self._keep_best_replica(done)
            return
        self._journal_epoch(written, done)

    def save_pause(self, reason: str) -> None:
        """Save in the middle of an epoch and journal the pause."""
        written = self._save()
        if written is None:
            return
        # Not synced by itself: the record of the pause behind it is, and takes along what the file has before it.
        self._journal.append(self._record_of(written, epoch=len(self._run.progress.history), best=False))
        self._journal_pause(reason, written)

    def record_pause(self, reason: str) -> None:
        """Say so where the run is over and only what follows it was stopped: its end is saved as it is."""
        if self._run.group.is_main:
            self._journal_pause(reason, digest_of(self._run_dir.checkpoints / LATEST))

    def _journal_pause(self, reason: str, written: WrittenFile) -> None:
        progress = self._run.progress
        paused = Paused(
            reason=reason,
            step=progress.step,
            epoch=progress.epoch,
            path=self._name(written),
            sha256=written.sha256,
            size_bytes=written.size_bytes,
        )
        self._journal.append(paused, durable=True)

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

    def _save(self) -> WrittenFile | None:
        """On the leading process; every process has a part in the contents."""
        content, group, latest = (
            contents(self._run, self._class_names),
            self._run.group,
            self._run_dir.checkpoints / LATEST,
        )
        if group.keeps_replica:
            # So that the run goes on without the host that led it.
            write(content, latest)
        return write(content, latest) if group.is_main else None

    def _keep_best_replica(self, done: EpochDone) -> None:
        if self._run.group.keeps_replica and done.is_best and self._saving != "latest":
            link_as(digest_of(self._run_dir.checkpoints / LATEST), BEST)

    def _journal_epoch(self, written: WrittenFile, done: EpochDone) -> None:
        # Linked before a record names them: a record never points at a file that is not there.
        if done.is_best and self._saving != "latest":
            written = link_as(written, BEST)
        if self._saving == "all":
            # Padded with zeros, so that names sort by epoch; a link, so that nothing is written twice.
            written = link_as(written, f"epoch-{done.epoch:05d}.pt")
        # Under "latest" the newest checkpoint is the one to hand over, whatever its score.
        best = done.is_best or self._saving == "latest"
        self._journal.append(self._record_of(written, epoch=done.epoch, best=best))
        self._journal.append(done, durable=True)

    def _record_of(self, written: WrittenFile, *, epoch: int, best: bool) -> CheckpointWritten:
        return CheckpointWritten(
            path=self._name(written),
            sha256=written.sha256,
            size_bytes=written.size_bytes,
            epoch=epoch,
            step=self._run.progress.step,
            best=best,
        )

    def _name(self, written: WrittenFile) -> str:
        return written.path.relative_to(self._run_dir.path).as_posix()
