"""A network whose weights, gradients and moments lie in shards over the processes of its run (FSDP2).

Beside the shards each process keeps the weights whole, as they were last brought home: they are what is validated,
saved and given away. Gradients and moments, three quarters of what training takes, are kept in shards only: in float32
a weight takes 4 bytes, its gradient 4 and Adam's two moments 8 (Rajbhandari et al. 2020, "ZeRO"; Zhao et
al. 2023, "PyTorch FSDP").
"""

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from truscore.zoo.compilation import stages

from services.trainer.worker.in_shards import in_shards

if TYPE_CHECKING:
    from torch.distributed.checkpoint.state_dict import StateDictOptions

# Of torch.distributed each function imports what it needs: that takes seconds of a core, and most runs have no shards.


def shard_network(network: nn.Module, device: torch.device, *, world_size: int) -> nn.Module:
    """A copy of the network in shards: stage by stage of its backbone, and the rest together. All processes ask."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    # One dimension: every process holds 1 / world_size of each weight, along its first dimension.
    mesh = init_device_mesh(device.type, (world_size,))
    copy = deepcopy(network)
    # Inner modules first, as fully_shard asks: a stage's weights are gathered when it runs and freed after it, so that
    # at no time more than one stage is whole beside the shards.
    for stage in stages(copy):
        fully_shard(stage, mesh=mesh)
    fully_shard(copy, mesh=mesh)
    return copy


def set_gradient_sync(model: nn.Module, wanted: bool) -> None:
    """Whether the next pass backward exchanges gradients; nothing happens where there are no shards."""
    if in_shards(model):
        model.set_requires_gradient_sync(wanted)  # type: ignore[operator]


def gather_weights(model: nn.Module, network: nn.Module) -> None:
    """Make the whole network what its shards have become. All processes ask; nothing happens where there are none."""
    if in_shards(model):
        from torch.distributed.checkpoint.state_dict import get_model_state_dict

        # A gather of each shard (all_gather), into the whole network that every process keeps.
        network.load_state_dict(get_model_state_dict(model, options=_whole()))


def scatter_weights(network: nn.Module, model: nn.Module) -> None:
    """Make the shards what the whole network is. All processes ask; nothing happens where there are none."""
    if in_shards(model):
        from torch.distributed.checkpoint.state_dict import set_model_state_dict

        set_model_state_dict(model, network.state_dict(), options=_whole())


def optimizer_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimizer's state, whole. All processes ask."""
    if in_shards(model):
        from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

        return dict(get_optimizer_state_dict(model, optimizer, options=_whole()))
    return optimizer.state_dict()


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Put back what ``optimizer_state`` gave, with shards or without. All processes ask."""
    if in_shards(model):
        from torch.distributed.checkpoint.state_dict import set_optimizer_state_dict

        set_optimizer_state_dict(model, optimizer, _by_name(model, optimizer, state), options=_whole())
    else:
        optimizer.load_state_dict(state)


def _by_name(model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """The state under the names of the weights. Without shards it is saved by their place."""
    # By identity: fully_shard puts a shard in the place of each weight, under the name that the weight had.
    names = {id(weight): name for name, weight in model.named_parameters()}
    ordered = [names[id(weight)] for group in optimizer.param_groups for weight in group["params"]]
    # torch numbers parameters over all groups in the order of the groups: 0, 1, 2 ... ; the same order as above.
    saved = [place for group in state["param_groups"] for place in group["params"]]
    name_of = dict(zip(saved, ordered, strict=True))
    groups = [
        # How the update is computed is this optimizer's own: what is fused without shards is not with them.
        {**group, "fused": own.get("fused"), "params": [name_of[place] for place in group["params"]]}
        for group, own in zip(state["param_groups"], optimizer.param_groups, strict=True)
    ]
    return {"state": {name_of[place]: value for place, value in state["state"].items()}, "param_groups": groups}


def _whole() -> "StateDictOptions":
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    return StateDictOptions(full_state_dict=True)
