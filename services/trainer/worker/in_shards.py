"""Whether something lies in shards, without importing what would have put it there: that takes seconds of a core, and
runs of one process have no shards."""

import sys

from torch import Tensor, nn


def in_shards(model: nn.Module) -> bool:
    """Whether ``fully_shard`` has put the network in shards."""
    fsdp = sys.modules.get("torch.distributed.fsdp")
    return fsdp is not None and isinstance(model, fsdp.FSDPModule)


def is_shard(weight: Tensor) -> bool:
    """Whether it is what this process holds of a weight (``DTensor``)."""
    tensor = sys.modules.get("torch.distributed.tensor")
    return tensor is not None and isinstance(weight, tensor.DTensor)
