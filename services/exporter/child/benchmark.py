"""How long one picture takes a file and its checkpoint, on the same pictures."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch

from services.exporter.child.export_target import Picture
from services.exporter.release import Benchmark

# What is measured is enough after this time: on a slow machine a release must not wait for a finer median.
ENOUGH_S = 1.0


@dataclass(slots=True)
class Stopwatch:
    """Runs a model, and keeps how long each picture took. The first warms it up: its time is left out."""

    run: Callable[[Picture], Any]
    clock: Callable[[], float] = perf_counter
    elapsed_ms: list[float] = field(default_factory=list)
    _warm: bool = False

    def __call__(self, picture_CHW: Picture) -> Any:
        began_s = self.clock()
        answers = self.run(picture_CHW)
        if self._warm:
            self.elapsed_ms.append((self.clock() - began_s) * 1000)
        self._warm = True
        return answers


def measure(artefact: Stopwatch, eager: Stopwatch, pictures: Sequence[Picture], *, rounds: int) -> Benchmark:
    """What both took on the pictures that they were compared on, in turn, so that a busy host hits both; measured up to
    `rounds` times more where that was too short to be a figure."""
    for _ in range(rounds):
        for picture_CHW in pictures:
            if sum(eager.elapsed_ms) + sum(artefact.elapsed_ms) > ENOUGH_S * 1000 and eager.elapsed_ms:
                break
            artefact(picture_CHW)
            eager(picture_CHW)
    return Benchmark(
        device=_device(),
        latency_ms_p50=statistics.median(artefact.elapsed_ms),
        latency_ms_p95=float(np.percentile(artefact.elapsed_ms, 95)),
        eager_latency_ms_p50=statistics.median(eager.elapsed_ms),
        images=len(pictures),
    )


def _device() -> str:
    return f"cpu ({platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads)"
