"""How a network is run while it trains: compiled, or saving memory. Its weights and their names stay the same."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def stages(model: nn.Module) -> list[nn.Module]:
    """The parts of the backbone's body that have weights, first to last; of a list its members."""
    body = model.get_submodule("backbone.body")
    parts = [part for child in body.children() for part in (child if isinstance(child, nn.ModuleList) else [child])]
    return [part for part in parts if any(True for _ in part.parameters())]


def compile_stages(model: nn.Module, mode: str) -> None:
    """Compile the stages of the backbone, in place. ``mode`` is one of the recipe's optimization_mode, not "none".

    Stage by stage: around them detectors choose their regions by the data, which compilers can't follow.
    """
    for stage in stages(model):
        stage.forward = torch.compile(stage.forward, mode=mode.replace("_", "-"))


def save_memory(model: nn.Module) -> None:
    """Forget each stage's activations and compute them again for the gradient (Chen et al. 2016), in place.

    The result is the same to the bit: norms don't count a batch twice.
    """
    for stage in stages(model):
        recompute = partial(_contexts, stage)
        stage.forward = partial(checkpoint, stage.forward, use_reentrant=False, context_fn=recompute)


def _contexts(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _norms_at_rest(stage)


@contextmanager
def _norms_at_rest(stage: nn.Module) -> Iterator[None]:
    """Norms see the batch a second time and must not follow it a second time."""
    norms = [module for module in stage.modules() if isinstance(module, nn.BatchNorm2d) and module.training]
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for norm, momentum, tracked in before:
            norm.momentum, norm.num_batches_tracked = momentum, tracked
