"""A checkpoint file as a network that is ready to use."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from truscore.recipes import Recipe, recipe_from_json
from truscore.zoo.builders import build_model


class UnusableCheckpoint(ValueError):
    """A file that is no checkpoint of ours; the message names the file and what is wrong with it."""


def load_checkpoint_model(path: Path) -> tuple[nn.Module, Recipe, tuple[str, ...]]:
    """The network in eval mode on the CPU, the recipe it was trained by, and its class names (label 1 first)."""
    content = read_checkpoint(path)
    recipe = recipe_from_json(content["recipe"])
    class_names = tuple(content["class_names"])
    # Random weights, all of which are replaced: load_state_dict is strict.
    model = build_model(recipe, len(class_names))
    model.load_state_dict(content["model"])
    return model.eval(), recipe, class_names


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """The file's content; loads tensors and plain values only. Raises UnusableCheckpoint."""
    try:
        # weights_only: no code of the file is run, whoever wrote it.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        raise UnusableCheckpoint(f"{path}: not a readable checkpoint: {error}") from error
    missing = {"model", "recipe", "class_names"} - set(content if isinstance(content, dict) else ())
    if missing:
        raise UnusableCheckpoint(f"{path}: not a checkpoint of ours: lacks {', '.join(sorted(missing))}")
    return dict(content)
