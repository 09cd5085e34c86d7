"""The random generators of a process: seeded, captured and put back."""

import random
from typing import Any

import numpy as np
import torch
from truscore.augmentation.seeds import mixed


def seed_all(*numbers: int) -> None:
    """Seed Python's, NumPy's and torch's generators, the GPU's included."""
    seed = mixed(*numbers)
    random.seed(seed)
    # NumPy takes no more than 32 bits.
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def capture_rng_state(device: torch.device) -> dict[str, Any]:
    """Their states as tensors and plain values."""
    # Plain values: checkpoints are read with weights_only, which refuses arrays of NumPy and any class.
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [str(name), torch.from_numpy(np.asarray(keys, dtype=np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def restore_rng_state(states: dict[str, Any], device: torch.device) -> None:
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"])
    # A run that was saved on a GPU may go on without one: its CPU state is put back, the GPU's has no place.
    if states["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
