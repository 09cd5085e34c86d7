"""What each option of a training step gives on this CPU: ``python -m tests.bench.training_step``.

The product's own step on batches that are in memory, with one option changed at a time, all in turn in each round. A
figure is the ratio to the step as the product takes it, above 1 is faster: ``clock`` by the clock, which says little on
a busy machine, and ``core`` by processor time. Then what the system adds to the bare step in the training process:
loop, journal and checkpoints, without loading and evaluation. Prints JSON.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from truscore.synthesis import render_dataset
from truscore.zoo.compilation import why_not_compilable

from services.trainer.journal import EpochDone, Journal, Progressed
from services.trainer.worker import loop
from services.trainer.worker.build_run import build_run
from services.trainer.worker.checkpointer import Checkpointer
from services.trainer.worker.data import Share, training_steps
from services.trainer.worker.devices import choose_place, deterministic
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.loop import TrainingRun, take_step, train
from services.trainer.worker.run_dir import RunDir, TrainingJob, read_job
from tests.learning.run_folder import PLAIN_HEAD, lay_out

BATCH, STEPS, EPOCHS = 4, 3, 6
WORKLOADS: Mapping[str, tuple[str, str, str, Mapping[str, Any]]] = {
    "mask_rcnn": ("border_detection", "dual_class", "mask_rcnn", {"architecture_config": PLAIN_HEAD}),
}


@dataclass(kw_only=True, slots=True)
class Clock:
    """Seconds by the clock and of processors that were spent in one place."""

    clock_s: float = 0.0
    core_s: float = 0.0
    each: list[tuple[float, float]] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        clock, core = time.monotonic(), time.process_time()
        yield
        self.each.append((time.monotonic() - clock, time.process_time() - core))
        self.clock_s += self.each[-1][0]
        self.core_s += self.each[-1][1]


def as_taken(run: TrainingRun) -> None:
    """The step of the product."""


def channels_last(run: TrainingRun) -> None:
    run.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def solver(**options: bool) -> Callable[[TrainingRun], None]:
    def change(run: TrainingRun) -> None:
        # Each group has its options already: a new optimizer of the same groups keeps what is not named.
        groups = [{**group, **options} for group in run.optimizer.param_groups]
        run.optimizer = type(run.optimizer)(groups)  # type: ignore[call-arg]

    return change


def half(run: TrainingRun) -> None:
    run.half = True


def compiled(run: TrainingRun) -> None:
    from truscore.zoo.compilation import compile_stages

    compile_stages(run.network, "default")


OPTIONS: Mapping[str, Callable[[TrainingRun], None]] = {
    "as the product takes it": as_taken,
    "flush denormals": as_taken,
    "two threads in one process": as_taken,
    "channels_last": channels_last,
    "fused optimizer": solver(foreach=False, fused=True),
    "foreach optimizer": solver(foreach=True, fused=False),
}
# The first takes fifteen times as long where the CPU has no bfloat16, the second minutes to begin.
SLOW = {"bfloat16 autocast": half, "torch.compile": compiled}


def built(job: TrainingJob) -> tuple[TrainingRun, list[Any]]:
    group = WorkerGroup()
    run = build_run(job, place=choose_place(group), group=group, stop_requested=lambda: "").run
    torch.set_num_threads(1)
    count = len(run.task.training)
    steps = training_steps(count, batch_size=run.batch_size, accumulate=1, seed=1, epoch=1, share=Share())
    return run, [
        [run.task.collate([run.task.training[key] for key in keys]) for keys in step] for step in steps[:STEPS]
    ]


def compared(job: TrainingJob, names: Sequence[str], *, rounds: int) -> dict[str, dict[str, float]]:
    runs = {}
    for name in names:
        runs[name] = built(job)
        {**OPTIONS, **SLOW}[name](runs[name][0])
    spent = {name: Clock() for name in names}
    for number in range(rounds + 1):
        for name, (run, batches) in runs.items():
            torch.set_num_threads(2 if name.startswith("two threads") else 1)
            torch.set_flush_denormal(name == "flush denormals")
            with spent[name].running() if number else Clock().running():  # the first round warms up
                for batch in batches:
                    take_step(run, batch)
    torch.set_flush_denormal(False)
    base = spent[names[0]].each
    return {name: ratios(base, spent[name].each) for name in names}


def ratios(base: Sequence[tuple[float, float]], each: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Medians of the ratios of one round to the base of that round, with the least and the most by processor time."""
    clock = [ours[0] / theirs[0] for ours, theirs in zip(base, each, strict=True)]
    core = [ours[1] / theirs[1] for ours, theirs in zip(base, each, strict=True)]
    return {
        "clock": round(statistics.median(clock), 2),
        "core": round(statistics.median(core), 2),
        "core_least": round(min(core), 2),
        "core_most": round(max(core), 2),
    }


def overhead(job: TrainingJob, run_dir: RunDir) -> dict[str, float]:
    """Processor time that the training process spends beside steps, loading and evaluation, as a share of the steps."""
    run, _ = built(job)
    steps, other, whole = Clock(), Clock(), Clock()
    plain_step, plain_validation, plain_steps = loop.take_step, loop._validated, run.batches.training

    def timed(clock: Clock, action: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any) -> Any:
            with clock.running():
                return action(*arguments)

        return act

    def loaded(plan: Any) -> Iterator[Any]:
        batches = plain_steps(plan)
        for _ in itertools.count():
            with other.running():
                step = next(batches, None)
            if step is None:
                return
            yield step

    loop.take_step, loop._validated = timed(steps, plain_step), timed(other, plain_validation)
    run.batches.training = loaded  # type: ignore[method-assign]
    try:
        with Journal(run_dir.journal) as journal:
            checkpointer = Checkpointer(run_dir=run_dir, run=run, class_names=job.class_names, journal=journal)
            with whole.running():
                for report in train(run):
                    if isinstance(report, Progressed):
                        journal.append(report)
                    elif isinstance(report, EpochDone):
                        checkpointer.save_epoch(report)
    finally:
        loop.take_step, loop._validated = plain_step, plain_validation
    beside_s = whole.core_s - steps.core_s - other.core_s
    return {"share_of_steps": round(beside_s / steps.core_s, 4), "ms_per_epoch": round(beside_s / EPOCHS * 1e3, 1)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.training_step", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--slow", action="store_true", help="bfloat16 and torch.compile as well")
    requested = parser.parse_args(arguments)
    slow = SLOW if requested.slow else {}
    names = [name for name in {**OPTIONS, **slow} if name != "torch.compile" or not why_not_compilable("cpu")]
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as scratch, deterministic():
        cards = render_dataset(Path(scratch) / "cards", count=requested.images, seed=0, image_size=(480, 640))
        for name, (category, option, architecture, overrides) in WORKLOADS.items():
            training = {"epochs": EPOCHS, "validation_frequency": EPOCHS}
            changed = {
                "image_size": requested.size,
                "hyperparameters": {"optimization": {"batch_size": BATCH}, "training_process": training},
            }
            run = lay_out(
                Path(scratch) / name, cards, category=category, option=option, architecture=architecture,
                overrides={**overrides, **changed},
            )  # fmt: skip
            job = read_job(RunDir(path=run.path))
            result[name] = compared(job, names, rounds=requested.rounds)
            result[f"{name}: system beside the step"] = overhead(job, RunDir(path=run.path))
    result["machine"] = {"cores": os.cpu_count(), "load of the last minute": os.getloadavg()[0]}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
