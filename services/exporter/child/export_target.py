"""What is exported, whatever the format: the four things that each kind of model brings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from services.exporter.release import Parity, Signature

# One upright RGB picture, [3, H, W], from 0 to 1.
Picture = NDArray[np.float32]
# The views of one object, by the names of its signature's inputs and in their order.
Views = Mapping[str, NDArray[np.float32]]
# What a model says of one picture, by the names of its signature.
Answers = Mapping[str, NDArray[np.generic]]


def by_name(picture: Picture | Views) -> dict[str, NDArray[np.float32]]:
    """What a graph is fed with, by its inputs' names and in their order."""
    return dict(picture) if isinstance(picture, Mapping) else {"image": picture}


class CheckParity(Protocol):
    """Pairs of answers, the checkpoint's first; `precision` is "float" or "int8"."""

    def __call__(self, pairs: Iterable[tuple[Answers, Answers]], *, precision: str = "float") -> Parity: ...


def found_alone(answers: Answers, signature: Signature) -> Answers:
    """Of a `whole_graph`: without the rows beyond what was found."""
    if signature.outputs[0].shape[0] != "detections":
        return answers
    count = int(np.count_nonzero(answers["scores"]))
    rows = {each.name for each in signature.outputs if each.shape[:1] == ("detections",)}
    return {name: values[:count] if name in rows else values for name, values in answers.items()}


class UnsupportedNetwork(TypeError):
    """A network that is not what its task makes of it; the message names its class and what is accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportTarget:
    """`graph` takes one picture and gives the signature's outputs in their order, in operators that can be written;
    `run_eager` is what the checkpoint itself says; `check_parity` takes pairs of answers, the checkpoint's first, and
    the precision that they are held to. `static_graph` says the same as `graph` in shapes that follow from the
    picture's size alone; None where nobody has written the network so. `whole_graph` is for builders that take no size
    from content whatsoever: of networks on views all pixels, not the mask's alone, of detectors all rows, those beyond
    what was found with score 0; None where `graph` has no such size or nobody has written the network so. `scripted`
    gives `graph` compiled, where a tracer would freeze its loops to those of the example. `refused` says of formats by
    name why there are none."""

    signature: Signature
    graph: nn.Module
    run_eager: Callable[[Picture], Answers]
    check_parity: CheckParity
    static_graph: nn.Module | None = None
    whole_graph: nn.Module | None = None
    scripted: Callable[[], nn.Module] | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
