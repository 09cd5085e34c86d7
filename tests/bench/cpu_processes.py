"""What several training processes on a CPU gain: ``python -m tests.bench.cpu_processes``.

The same recipe on the same rendered cards, by one process and by several at the same batch, each with few and with more
epochs: the difference is training, without the start. Prints JSON. Seconds of the clock mean something on a quiet
machine only; ``images_per_core_s``, images for each second of processor time, times the cores that are kept busy, is
what they would be on one.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truscore.synthesis import render_dataset

from tests.learning.run_folder import lay_out

SHORT, LONG = 1, 4
DEADLINE_S = 1800.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """Of a run: seconds of the clock, seconds of processors in all its processes, images that it was trained on."""

    clock_s: float
    core_s: float
    images: int


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.cpu_processes", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--size", type=int, default=160, help="image_size of the recipe")
    parser.add_argument("--head", default="standard", help="head_customization of the recipe")
    requested = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as scratch:
        cards = render_dataset(Path(scratch) / "cards", count=requested.images, seed=0, image_size=(480, 640))
        result = {
            name: measured(Path(scratch), cards, requested, processes=processes, threads=threads)
            for name, processes, threads in (
                ("one process, all threads", 1, 0),
                ("one process, one thread", 1, 1),
                (f"{requested.processes} processes", requested.processes, 1),
            )
        }
    result["load average of the last minute"] = os.getloadavg()[0]
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0


def measured(
    scratch: Path, cards: Path, requested: argparse.Namespace, *, processes: int, threads: int
) -> Mapping[str, float]:
    short, long = (
        trained(scratch, cards, requested, epochs=epochs, processes=processes, threads=threads)
        for epochs in (SHORT, LONG)
    )
    images = long.images - short.images
    core_s, clock_s = max(long.core_s - short.core_s, 1e-9), max(long.clock_s - short.clock_s, 1e-9)
    return {
        "images_per_s": round(images / clock_s, 2),
        "images_per_core_s": round(images / core_s, 2),
        "busy_cores": round(core_s / clock_s, 2),
        "start_core_s": round(short.core_s - core_s / (LONG - SHORT), 1),
    }


def trained(
    scratch: Path, cards: Path, requested: argparse.Namespace, *, epochs: int, processes: int, threads: int
) -> Taken:
    overrides: dict[str, Any] = {
        "image_size": requested.size,
        "architecture_config": {"custom_modifications": {"head_customization": requested.head}},
        # Evaluated once, in the last epoch: it is part of the start then.
        "hyperparameters": {"training_process": {"epochs": epochs, "validation_frequency": LONG}},
    }
    run = lay_out(scratch / f"{processes}-{threads}-{epochs}", cards, overrides=overrides)
    order = json.loads((run.path / "order.json").read_text())
    (run.path / "order.json").write_text(json.dumps(order | {"cpu_processes": processes}))
    cores = os.sched_getaffinity(0)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    # The worker takes as many threads as it may use cores, so one thread is one core for the one process.
    os.sched_setaffinity(0, {min(cores)} if threads and processes == 1 else cores)
    try:
        status = run.start(processes=processes).wait(DEADLINE_S)
    finally:
        os.sched_setaffinity(0, cores)
    if status:
        raise RuntimeError(f"training ended with {status}: {(run.path / 'printed.log').read_text()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    core_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    training = len(json.loads((run.path / "split.json").read_text())["train"])
    return Taken(clock_s=time.monotonic() - began, core_s=core_s, images=training * epochs)


if __name__ == "__main__":
    sys.exit(main())
