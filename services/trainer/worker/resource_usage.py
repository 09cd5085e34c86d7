"""What a run took of the machine it was on, as far as the process itself can tell."""

import os
import platform
import time

import psutil
import torch
from truscore.process.cores import usable_cores

from services.trainer.worker.loop import TrainingRun
from services.trainer.worker.report.resources import ResourceUsage


def measure_usage(run: TrainingRun) -> ResourceUsage:
    """Of this process: on several GPUs each process has one, and the leading one speaks for all."""
    gpu = run.device.type == "cuda"
    cores = usable_cores()
    return ResourceUsage(
        device=torch.cuda.get_device_name(run.device) if gpu else f"cpu ({platform.machine()}, {cores} cores)",
        gpu=gpu,
        cores=cores,
        busy_cores=_busy_cores(),
        loader_processes=run.batches.workers,
        memory_peak_bytes=torch.cuda.max_memory_reserved(run.device) if gpu else _peak_bytes(),
        memory_total_bytes=_gpu_memory_bytes(run.device) if gpu else psutil.virtual_memory().total,
        half_precision=run.half,
    )


def _gpu_memory_bytes(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).total_memory)


def _busy_cores() -> float:
    spent = os.times()
    lived_s = time.time() - psutil.Process().create_time()
    return sum(spent[:4]) / lived_s if lived_s > 0 else 0.0


def _peak_bytes() -> int:
    """The largest resident size so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts kibibytes
