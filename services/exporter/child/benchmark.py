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


def measure(
    artefact: Callable[[Picture], object],
    eager: Callable[[Picture], object],
    pictures: Sequence[Picture],
    *,
    rounds: int,
) -> Benchmark:
    """Times every picture `rounds` times after one unmeasured pass; both take turns, so that a busy host hits both."""
    artefact_ms: list[float] = []
    eager_ms: list[float] = []
    for number in range(rounds + 1):
        for picture_CHW in pictures:
            times = _elapsed_ms(artefact, picture_CHW), _elapsed_ms(eager, picture_CHW)
            if number:
                artefact_ms.append(times[0])
                eager_ms.append(times[1])
    return Benchmark(
        device=_device(),
        latency_ms_p50=statistics.median(artefact_ms),
        latency_ms_p95=float(np.percentile(artefact_ms, 95)),
        eager_latency_ms_p50=statistics.median(eager_ms),
        images=len(pictures),
    )


def _elapsed_ms(run: Callable[[Picture], object], picture_CHW: Picture) -> float:
    began = perf_counter()
    run(picture_CHW)
    return (perf_counter() - began) * 1000


def _device() -> str:
    return f"cpu ({platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads)"
