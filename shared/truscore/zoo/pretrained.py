"""Weights to start from, taken out of a file and put into a network by name and shape."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from truscore.zoo.numpy_pickle import read_arrays
from truscore.zoo.published_backbones import is_efficientnet_lite

# Old names in torchvision's published detectors, and their names today.
_RENAMED = (
    (re.compile(r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$"), r"\1.0.\2"),
    (re.compile(r"^(rpn\.head\.conv)\.(weight|bias)$"), r"\1.0.0.\2"),
)
_MASK_FCN = re.compile(r"^(roi_heads\.mask_head)\.mask_fcn(\d+)\.(weight|bias)$")
_LEAST_OF_BODY = 0.5
BODY = "backbone.body."
COUNTER = "num_batches_tracked"  # of norms over the batch: norms over groups and frozen ones have none


class UnusableWeights(ValueError):
    """A weights file that doesn't fit the network; the message names the file and how little of it fits."""


@runtime_checkable
class Published(Protocol):
    """A network that is published under other names, or in other shapes, than it has here."""

    def published(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a file as this network has them; what it doesn't know stays as it is."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """How many tensors of the network came from the file, out of all it has."""

    matched: int
    total: int


def load_pretrained(model: nn.Module, path: Path) -> Loaded:
    """Put the file's tensors wherever name and shape agree; heads for other classes keep their random start.

    The file holds a state dict, bare or under ``state_dict``, ``model``, or is one of safetensors, or a pickle
    of NumPy arrays; of a whole network or of its body alone.
    Raises UnusableWeights when less than half of the body's tensors are found, or its norms' statistics are not.
    """
    own = model.state_dict()
    found = {_today(name): value for name, value in _state_dict(path).items() if isinstance(value, Tensor)}
    if is_efficientnet_lite(found):
        found = _in_order(found, own, path)
    elif isinstance(model, Published):
        found = model.published(found)
    if not any(name.startswith("backbone.") for name in found):
        found = {f"{BODY}{name.removeprefix('features.')}": value for name, value in found.items()}
    # Name and shape: a head for other classes has the name but not the shape.
    fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    body = [name for name in own if name.startswith(BODY) and not name.endswith(COUNTER)]
    fits = sum(name in fitting for name in body)
    if fits < _LEAST_OF_BODY * len(body):
        raise UnusableWeights(f"{path.name}: fits {fits} of the {len(body)} tensors of the backbone; wrong network?")
    statistics = [name for name in body if name.endswith("running_mean") and name not in fitting]
    if statistics:
        raise UnusableWeights(f"{path.name}: has no {statistics[0]}; weights with batch norms are needed")
    model.load_state_dict(fitting, strict=False)
    return Loaded(matched=len(fitting), total=len(own))


def _in_order(found: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The body's tensors by the order they have in both; a body that ends earlier takes the first. Files of
    EfficientNet-Lite differ in names alone."""
    mine = [name for name in own if name.startswith(BODY) and not name.endswith(COUNTER)]
    theirs = [(name, value) for name, value in found.items() if not name.endswith(COUNTER)]
    for name, (published, value) in zip(mine, theirs, strict=False):
        if own[name].shape != value.shape:
            raise UnusableWeights(
                f"{path.name}: its tensor {published} is {list(value.shape)}, {name} is {list(own[name].shape)}; "
                "wrong network?"
            )
    return {name: value for name, (_, value) in zip(mine, theirs, strict=False)}


def _state_dict(path: Path) -> Mapping[str, Any]:
    try:
        content = _content(path)
    except (OSError, UnpicklingError, RuntimeError, EOFError, KeyError, SafetensorError) as error:
        raise UnusableWeights(f"{path.name}: can't be read as weights: {error}") from error
    # Lightning and mmdetection have the former, Detectron2 and DETR the latter.
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise UnusableWeights(f"{path.name}: holds {type(content).__name__}, not a dictionary of tensors")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _content(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(9)
    # The length of a JSON header in eight bytes, and the header.
    if start[8:] == b"{":
        return load_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError):
        # The opcode PROTO, with which pickles begin.
        if start[:1] != b"\x80":
            raise
        return read_arrays(path)


def _today(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    if mask := _MASK_FCN.match(name):
        return f"{mask[1]}.{int(mask[2]) - 1}.0.{mask[3]}"
    return name
