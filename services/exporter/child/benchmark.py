"""How long one picture takes, artefact and checkpoint in turn on the same pictures."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np
import torch

from services.exporter.child.export_target import Picture
from services.exporter.release import Benchmark

# Rounds beyond the first are given up after this time: on a slow machine a release must not wait for a finer median.
MOST_S = 2.0


def measure(
    artefact: Callable[[Picture], object],
    eager: Callable[[Picture], object],
    pictures: Sequence[Picture],
    *,
    rounds: int,
    clock: Callable[[], float] = perf_counter,
) -> Benchmark:
    """Times every picture up to `rounds` times; both take turns, so that a busy host hits both.

    Both have been run on these pictures before: there is no round to warm up.
    """
    artefact_ms: list[float] = []
    eager_ms: list[float] = []
    began_s = clock()
    for number in range(rounds):
        for picture_CHW in pictures:
            if number and clock() - began_s > MOST_S:
                break
            artefact_ms.append(_elapsed_ms(artefact, picture_CHW, clock))
            eager_ms.append(_elapsed_ms(eager, picture_CHW, clock))
    return Benchmark(
        device=_device(),
        latency_ms_p50=statistics.median(artefact_ms),
        latency_ms_p95=float(np.percentile(artefact_ms, 95)),
        eager_latency_ms_p50=statistics.median(eager_ms),
        images=len(pictures),
    )


def _elapsed_ms(run: Callable[[Picture], object], picture_CHW: Picture, clock: Callable[[], float]) -> float:
    began_s = clock()
    run(picture_CHW)
    return (clock() - began_s) * 1000


def _device() -> str:
    return f"cpu ({platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads)"
