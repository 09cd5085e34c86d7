"""From light to numbers in a file. H height, W width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from truscore.synthesis.lit.relief import Field

Numbers = NDArray[np.unsignedinteger[Any]]  # of 8 or 16 bits


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """What is done to light in turn: gain, shot and read noise, black level, clipping, gamma, whole numbers.

    `black_level` is added, relative to full scale (negative: taken away). Files hold intensity to the power
    1 / `gamma`. `full_well` is the electrons of full scale, 0 for no noise; `read_noise` is in electrons.
    """

    gain: float = 1.0
    black_level: float = 0.0
    gamma: float = 1.0
    full_well: float = 0.0
    read_noise: float = 0.0
    bits: int = 8

    def __post_init__(self) -> None:
        if self.bits not in {8, 16}:
            raise ValueError(f"{self.bits} bits; accepted are 8 and 16")
        if self.gamma <= 0 or self.gain <= 0:
            raise ValueError(f"gain {self.gain}, gamma {self.gamma}; accepted are numbers above 0")

    def picture(self, rng: Generator, light_HW3: Field) -> Numbers:
        """The file's numbers [H, W, 3]."""
        level_HW3 = self.gain * light_HW3
        if self.full_well > 0:
            electrons_HW3 = np.maximum(level_HW3, 0) * self.full_well
            # Normal instead of Poisson's: at hundreds of electrons nobody tells them apart.
            spread_HW3 = np.sqrt(electrons_HW3 + self.read_noise**2)
            level_HW3 = level_HW3 + spread_HW3 / self.full_well * rng.normal(size=level_HW3.shape)
        stored_HW3 = np.clip(level_HW3 + self.black_level, 0, 1) ** (1 / self.gamma)
        numbers_HW3 = np.round(stored_HW3 * (2**self.bits - 1))
        numbers: Numbers = numbers_HW3.astype(np.uint8 if self.bits == 8 else np.uint16)
        return numbers
