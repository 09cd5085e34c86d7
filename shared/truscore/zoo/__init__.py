"""Which networks there are and how they are built. Knows recipes and tensors; knows no dataset, run or event."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from truscore.zoo.builders import build_model
    from truscore.zoo.checkpoint import load_checkpoint_model

__all__ = ["build_model", "load_checkpoint_model"]

_HOMES = {"build_model": "builders", "load_checkpoint_model": "checkpoint"}


def __getattr__(name: str) -> Any:
    # On first use: the catalog beside the builders has to import without torch.
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'truscore.zoo' has no attribute {name!r}")
    return getattr(import_module(f"truscore.zoo.{_HOMES[name]}"), name)
