"""How the numbers of a file follow the light that fell on the sensor, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESPONSES = ("linear", "srgb", "gamma")
USUAL_GAMMA = 2.2
LEAST_GAMMA, MOST_GAMMA = 0.1, 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """`kind` is one of RESPONSES; `gamma` counts for the last: files hold intensity to the power 1 / gamma."""

    kind: str = "linear"
    gamma: float = 1.0

    def decoded(self, stored: NDArray[np.float64]) -> NDArray[np.float64]:
        """Intensities 0 to 1 of a file's numbers 0 to 1, of any shape. sRGB as IEC 61966-2-1 has it."""
        if self.kind == "linear":
            return stored
        import numpy as np

        if self.kind == "gamma":
            return np.power(stored, self.gamma)
        return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)

    def __str__(self) -> str:
        return f"gamma {self.gamma:g}" if self.kind == "gamma" else self.kind
