"""Where a run computes, and what that place makes of the recipe: each decision comes with its reason."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from truscore.process.cores import usable_cores

from services.trainer.worker.distributed import WorkerGroup

MOST_WORKERS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Precision:
    """Whether half precision is used, and why or why not."""

    half: bool
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A device and what is known of it. ``cpus`` are those this process may use."""

    device: torch.device
    name: str
    cpus: int

    @property
    def loader_workers(self) -> int:
        """Beside a GPU, processes load images; on a CPU they would only take its cores away."""
        return min(MOST_WORKERS, max(1, self.cpus - 1)) if self.device.type == "cuda" else 0


def choose_place(group: WorkerGroup) -> Place:
    """A GPU of its own where there are any, else the CPU shared among the processes."""
    cpus = max(1, usable_cores() // group.local_world_size)
    if torch.cuda.is_available():
        device = torch.device("cuda", group.local_rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
        return Place(device=device, name=torch.cuda.get_device_name(device), cpus=cpus)
    # A share of the cores each: processes that all take every core wait for one another.
    torch.set_num_threads(cpus)
    return Place(device=torch.device("cpu"), name=f"cpu ({platform.machine()}, {cpus} threads)", cpus=cpus)


def choose_precision(*, wanted: bool, device: torch.device) -> Precision:
    """bfloat16 where the device gains from it. It has float32's range: no loss scaler is needed."""
    if not wanted:
        return Precision(half=False, reason="float32: advanced_settings.mixed_precision is false")
    if device.type != "cuda":
        return Precision(half=False, reason=f"float32: {device.type} gains nothing from half precision")
    # Torch counts emulation as support, which gains nothing.
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        return Precision(half=False, reason="float32: this GPU has no bfloat16 of its own")
    return Precision(half=True, reason="bfloat16 autocast")


@contextmanager
def deterministic() -> Iterator[None]:
    """The same seed gives the same bits. Operations that can't promise it warn."""
    # Not by use_deterministic_algorithms, which sets the same and imports torch's compiler beside it: 3 s of a core.
    torch.set_deterministic_debug_mode("warn")
    # The fill is for programs that read memory they never wrote; it costs a pass over every new tensor.
    deterministic_module: Any = torch.utils.deterministic
    filled = deterministic_module.fill_uninitialized_memory
    deterministic_module.fill_uninitialized_memory = False
    # Its trials choose among kernels by measured time: another run might sum in another order.
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        deterministic_module.fill_uninitialized_memory = filled
        torch.set_deterministic_debug_mode("default")
