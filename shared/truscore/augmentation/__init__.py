"""What training images are put through. Knows images and what is marked on them; knows no run, loop or event."""

from typing import TYPE_CHECKING, Any

from truscore.augmentation.options import UnknownOption, policy_for
from truscore.augmentation.policy import Policy
from truscore.augmentation.seeds import mixed

if TYPE_CHECKING:
    from truscore.augmentation.changes import Change, drawn
    from truscore.augmentation.samples import IGNORED, Sample, corners_of
    from truscore.augmentation.transform import GREY, apply, augment

__all__ = [
    "GREY",
    "IGNORED",
    "Change",
    "Policy",
    "Sample",
    "UnknownOption",
    "apply",
    "augment",
    "corners_of",
    "drawn",
    "mixed",
    "policy_for",
]

_HOMES = {
    "Change": "changes",
    "drawn": "changes",
    "IGNORED": "samples",
    "Sample": "samples",
    "corners_of": "samples",
    "GREY": "transform",
    "apply": "transform",
    "augment": "transform",
}


def __getattr__(name: str) -> Any:
    # On first use: policies are data, and are read where there is no torch.
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'truscore.augmentation' has no attribute {name!r}")
    return getattr(import_module(f"truscore.augmentation.{_HOMES[name]}"), name)
