"""What is exported, whatever the format: the four things that each kind of model brings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from services.exporter.release import Parity, Signature

# One upright RGB picture, [3, H, W], from 0 to 1.
Picture = NDArray[np.float32]
# What a model says of one picture, by the names of its signature.
Answers = Mapping[str, NDArray[np.generic]]


class UnsupportedNetwork(TypeError):
    """A network that is not what its task makes of it; the message names its class and what is accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportTarget:
    """`graph` takes one picture and gives the signature's outputs in their order, in operators that can be written;
    `run_eager` is what the checkpoint itself says; `check_parity` takes pairs of answers, the checkpoint's first."""

    signature: Signature
    graph: nn.Module
    run_eager: Callable[[Picture], Answers]
    check_parity: Callable[[Iterable[tuple[Answers, Answers]]], Parity]
