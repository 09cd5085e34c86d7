"""The training process: ``python -m services.trainer.worker.main --run-dir DIR``, alone or under torchrun.

It reads its folder, trains, and writes journal, checkpoints and report there. It knows no broker and no store.
"""

import argparse
import platform
import traceback
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from truscore.files import is_full_disk
from truscore.process.exit import exit_without_finalizing

import services.trainer.worker.imports  # noqa: F401  first: before anything imports torchvision
from services.trainer.journal import (
    DISK_FULL,
    Cancelled,
    EpochDone,
    Failed,
    FoldEvaluated,
    FoldProgressed,
    Journal,
    Progressed,
    Silence,
    Started,
    Writer,
    records_of,
)
from services.trainer.worker.batch_size import with_found_batch
from services.trainer.worker.build_run import BuiltRun, build_run
from services.trainer.worker.checkpointer import Checkpointer
from services.trainer.worker.cross_validation.folds import (
    FoldReport,
    collect_results,
    cross_validate,
    folds_of,
    free_memory,
    steps_of,
)
from services.trainer.worker.devices import Place, choose_place, deterministic
from services.trainer.worker.distributed import WorkerGroup, init_worker_group
from services.trainer.worker.errors import TimeBudgetSpent, failure_of
from services.trainer.worker.finish import finish_run
from services.trainer.worker.loop import Interrupted, TrainingRun, train
from services.trainer.worker.resource_usage import measure_usage
from services.trainer.worker.run_dir import RunDir, read_job, shared_among
from services.trainer.worker.stop_signal import StopSignal


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 where the run completed or stopped as requested, 1 where the journal ends in a failure, DISK_FULL
    where the disk had no room for that."""
    parser = argparse.ArgumentParser(prog="services.trainer.worker.main", description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True, help="the run's folder")
    run_dir = RunDir(path=parser.parse_args(arguments).run_dir.resolve())
    stop_signal = StopSignal(run_dir.control)
    try:
        run_dir.checkpoints.mkdir(parents=True, exist_ok=True)
        with stop_signal.handling_sigterm(), init_worker_group() as group, deterministic():
            perform(run_dir, group=group, stop_signal=stop_signal)
    except Exception as error:  # noqa: BLE001  whatever it was, the journal has to say so
        # In full to the process's own output; the journal has a code and a message.
        traceback.print_exc()
        return _journal_failure(run_dir, error)
    return 0


def perform(run_dir: RunDir, *, group: WorkerGroup, stop_signal: StopSignal) -> None:
    """Train the order in the folder until it is done or stopped. Raises what ``errors`` has codes for."""
    # Sets the threads, or the GPU, of this process: before a tensor is made.
    place = choose_place(group)
    job = shared_among(read_job(run_dir), group.world_size)
    job = with_found_batch(job, run_dir, place=place, group=group)
    # Before training: too few groups for the folds are refused now and not after hours.
    folds = folds_of(job)
    built = build_run(job, place=place, group=group, stop_requested=stop_signal)
    # The time left counts the folds as well.
    built.run.steps_after = steps_of(folds, world_size=group.world_size)
    built.run.time_budget_s = job.time_budget_s
    # One writer for the file: the records of the other processes would be the same ones again.
    with (
        Journal(run_dir.journal) if group.is_main else nullcontext(Silence()) as journal,
        Checkpointer(run_dir=run_dir, run=built.run, class_names=job.class_names, journal=journal) as checkpointer,
    ):
        resumed = checkpointer.resume()
        # Once it is known where the run goes on: the record names that step.
        journal.append(_started(built, place), durable=True)
        if resumed:
            checkpointer.journal_missing_epoch()
        stopped = _train(built.run, checkpointer, journal)
        checkpointer.wait()
        if stopped == "time_budget":
            # Neither do folds begin once the time is over.
            stopped, folds = _end_at_budget(built, checkpointer), ()
        # Before the folds: they train on the same device, and its peaks would be theirs.
        usage = measure_usage(built.run)
        if folds and not stopped:
            free_memory(built.run)
            reports = cross_validate(
                folds, after=built.run, folder=run_dir.folds, place=place, stop_requested=stop_signal
            )
            stopped = _follow(reports, built.run, checkpointer, journal)
        if stopped:
            # After checkpoint and record: a process killed before this finds the request again and stops once more.
            stop_signal.acknowledge(stopped)
            return
        finish_run(
            built,
            job,
            usage=usage,
            folds=collect_results(folds, run_dir.folds) if group.is_main else None,
            checkpointer=checkpointer,
            run_dir=run_dir,
            journal=journal,
        )


def _train(run: TrainingRun, checkpointer: Checkpointer, journal: Writer) -> str:
    """What stopped it; empty where it came to its end."""
    for report in train(run):
        match report:
            case Progressed():
                checkpointer.report(report)
            case EpochDone():
                checkpointer.save_epoch(report)
            case Interrupted(stop="cancel"):
                checkpointer.wait()
                journal.append(Cancelled(step=run.progress.step, epoch=run.progress.epoch), durable=True)
                return report.stop
            case Interrupted(stop="time_budget"):
                return report.stop
            case Interrupted():
                checkpointer.save_pause(report.stop)
                return report.stop
    return ""


def _end_at_budget(built: BuiltRun, checkpointer: Checkpointer) -> str:
    """Go back to the last epoch that was completed: the run ends with it. Raises TimeBudgetSpent where none was."""
    run = built.run
    if not run.progress.history:
        raise TimeBudgetSpent(
            f"time_budget_s: {run.time_budget_s:g} s of training were over after {run.progress.step} of the "
            f"{run.steps_per_epoch} steps of the first epoch; a run needs one epoch at least"
        )
    checkpointer.resume()
    built.notes["time_budget"] = (
        f"{run.time_budget_s:g} s: ended after {len(run.progress.history)} of {run.epochs} epochs"
    )
    return ""


def _follow(reports: Iterator[FoldReport], run: TrainingRun, checkpointer: Checkpointer, journal: Writer) -> str:
    """What stopped the folds; empty where all are done."""
    for report in reports:
        match report:
            case FoldProgressed() | FoldEvaluated():
                # Only a fold's result is worth a sync: progress that a power cut takes is reported again.
                journal.append(report, durable=isinstance(report, FoldEvaluated))
            case Interrupted(stop="cancel"):
                journal.append(Cancelled(step=run.progress.step, epoch=run.progress.epoch), durable=True)
                return report.stop
            case Interrupted():
                checkpointer.record_pause(report.stop)
                return report.stop
    return ""


def _started(built: BuiltRun, place: Place) -> Started:
    run = built.run
    return Started(
        first_epoch=run.progress.epoch,
        total_epochs=run.epochs,
        steps_per_epoch=run.steps_per_epoch,
        total_steps=run.total_steps,
        resumed_step=run.progress.step,
        world_size=run.group.world_size,
        device=place.name,
        host=platform.node(),
        notes=built.notes,
        found_batch=run.found_batch,
    )


def _journal_failure(run_dir: RunDir, error: Exception) -> int:
    """The exit status that goes with it."""
    failure = failure_of(error)
    # From the journal and not from the run, which may have failed before it was built.
    epochs = [record.epoch for record in records_of(run_dir.journal) if isinstance(record, EpochDone)]
    failed = Failed(
        code=failure.code, message=failure.message, retryable=failure.retryable, epoch=max(epochs, default=0)
    )
    # Opened anew: the error has closed the one that training wrote into. What the kill of a process tore is cut off.
    try:
        with Journal(run_dir.journal) as journal:
            journal.append(failed, durable=True)
    except OSError as no_room:
        # The disk that ended the run took its record neither: the status has to say it.
        if is_full_disk(no_room):
            return DISK_FULL
        raise
    return 1


if __name__ == "__main__":
    exit_without_finalizing(main())  # what the run leaves is on disk by now
