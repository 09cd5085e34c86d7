"""The training process: ``python -m services.trainer.worker.main --run-dir DIR``, alone or under torchrun.

It reads its folder, trains, and writes journal, checkpoints and report there. It knows no broker and no store.
"""

import argparse
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from services.trainer.journal import (
    Cancelled,
    EpochDone,
    Failed,
    FoldJudged,
    FoldProgressed,
    Journal,
    Progressed,
    Silence,
    Started,
    Writer,
    records_of,
)
from services.trainer.worker.build_run import Assembled, assemble
from services.trainer.worker.checkpointer import Keeper
from services.trainer.worker.cross_validation.folds import (
    Word,
    cross_validate,
    folds_of,
    make_room,
    results_of,
    steps_of,
)
from services.trainer.worker.devices import Place, choose_place, deterministic
from services.trainer.worker.distributed import Ranks, joined
from services.trainer.worker.errors import fault_of
from services.trainer.worker.finish import conclude
from services.trainer.worker.loop import Interrupted, Run, train
from services.trainer.worker.resource_usage import machine_of
from services.trainer.worker.run_dir import RunDir, read_order
from services.trainer.worker.stop_signal import Asked


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 where the run completed or stopped as it was asked to, 1 where the journal ends in a failure."""
    parser = argparse.ArgumentParser(prog="services.trainer.worker.main", description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True, help="the run's folder")
    run_dir = RunDir(path=parser.parse_args(arguments).run_dir.resolve())
    run_dir.checkpoints.mkdir(parents=True, exist_ok=True)
    asked = Asked(run_dir.control)
    try:
        with asked.heeding_sigterm(), joined() as ranks, deterministic():
            perform(run_dir, ranks=ranks, asked=asked)
    except Exception as error:  # noqa: BLE001  whatever it was, the journal has to say so
        traceback.print_exc()
        _tell_failure(run_dir, error)
        return 1
    return 0


def perform(run_dir: RunDir, *, ranks: Ranks, asked: Asked) -> None:
    """Train the order in the folder until it is done or stopped. Raises what ``faults`` has codes for."""
    place = choose_place(ranks)
    order = read_order(run_dir)
    folds = folds_of(order)
    assembled = assemble(order, place=place, ranks=ranks, asked=asked)
    assembled.run.steps_after = steps_of(folds, world_size=ranks.world_size)
    with Journal(run_dir.journal) if ranks.leads else nullcontext(Silence()) as journal:
        keeper = Keeper(run_dir=run_dir, run=assembled.run, class_names=order.class_names, journal=journal)
        resumed = keeper.go_on()
        journal.append(_started(assembled, place), durable=True)
        if resumed:
            keeper.catch_up()
        stopped = _train(assembled.run, keeper, journal)
        machine = machine_of(assembled.run)
        if folds and not stopped:
            make_room(assembled.run)
            words = cross_validate(folds, after=assembled.run, folder=run_dir.folds, place=place, asked=asked)
            stopped = _follow(words, assembled.run, keeper, journal)
        if stopped:
            asked.answered(stopped)
            return
        conclude(
            assembled,
            order,
            machine=machine,
            folds=results_of(folds, run_dir.folds) if ranks.leads else None,
            keeper=keeper,
            run_dir=run_dir,
            journal=journal,
        )


def _train(run: Run, keeper: Keeper, journal: Writer) -> str:
    """What stopped it; empty where it came to its end."""
    for report in train(run):
        match report:
            case Progressed():
                journal.append(report)
            case EpochDone():
                keeper.keep_epoch(report)
            case Interrupted(wish="cancel"):
                journal.append(Cancelled(step=run.progress.step, epoch=run.progress.epoch), durable=True)
                return report.wish
            case Interrupted():
                keeper.keep_pause(report.wish)
                return report.wish
    return ""


def _follow(words: Iterator[Word], run: Run, keeper: Keeper, journal: Writer) -> str:
    """What stopped the folds; empty where all are done."""
    for word in words:
        match word:
            case FoldProgressed() | FoldJudged():
                journal.append(word, durable=isinstance(word, FoldJudged))
            case Interrupted(wish="cancel"):
                journal.append(Cancelled(step=run.progress.step, epoch=run.progress.epoch), durable=True)
                return word.wish
            case Interrupted():
                keeper.keep_pause_after(word.wish)
                return word.wish
    return ""


def _started(assembled: Assembled, place: Place) -> Started:
    run = assembled.run
    return Started(
        first_epoch=run.progress.epoch,
        total_epochs=run.epochs,
        steps_per_epoch=run.steps_per_epoch,
        total_steps=run.total_steps,
        resumed_step=run.progress.step,
        world_size=run.ranks.world_size,
        device=place.name,
        host=platform.node(),
        notes=assembled.notes,
    )


def _tell_failure(run_dir: RunDir, error: Exception) -> None:
    fault = fault_of(error)
    epochs = [record.epoch for record in records_of(run_dir.journal) if isinstance(record, EpochDone)]
    failed = Failed(code=fault.code, message=fault.message, retryable=fault.retryable, epoch=max(epochs, default=0))
    with Journal(run_dir.journal) as journal:
        journal.append(failed, durable=True)


if __name__ == "__main__":
    sys.exit(main())
