"""The processes of a run: who they are, what they agree on, and how a network is spread over them."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from services.trainer.worker.fsdp import set_gradient_sync, shard_network
from services.trainer.worker.peers import watching_peers
from services.trainer.worker.settings import GroupSize

# The others wait this long for the main process, which writes the checkpoints, to a slow disk perhaps.
AGREE_TIMEOUT_S = 1800.0
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerGroup:
    """This process among those of its run. One alone needs no process group, and every method is then local."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_world_size: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    @property
    def keeps_replica(self) -> bool:
        """Whether this is the first process of a host that the leading process is not on."""
        return self.local_rank == 0 and self.rank > 0

    def broadcast(self, value: T, *, source: int = 0) -> T:
        """The value that the leading process has, or the one of rank ``source``."""
        if self.world_size == 1:
            return value
        values: list[Any] = [value]
        # Pickled, and so for small things only: stop requests and records. Weights and gradients go by DDP or FSDP.
        dist.broadcast_object_list(values, src=source)
        shared: T = values[0]
        return shared

    def all_gather(self, values: Sequence[T]) -> list[T]:
        """Everybody's values, in the order of the ranks, on every process."""
        if self.world_size == 1:
            return list(values)
        parts: list[Any] = [None] * self.world_size
        dist.all_gather_object(parts, list(values))
        return [value for part in parts for value in part]

    def gradient_sync(self, model: nn.Module, *, last: bool) -> AbstractContextManager[None]:
        """Gradients are exchanged with the last batch of a step only."""
        set_gradient_sync(model, last)
        # Summing locally first makes one exchange a step (torch's no_sync), and the sum is the same.
        if isinstance(model, DistributedDataParallel) and not last:
            held: AbstractContextManager[None] = model.no_sync()
            return held
        return nullcontext()

    def wrap(self, model: nn.Module, device: torch.device, strategy: str = "data_parallel") -> nn.Module:
        """The network as it is trained: over several processes DistributedDataParallel, or shards of a copy where the
        strategy is "fully_sharded"; itself in one."""
        if self.world_size == 1:
            return model
        # A deep copy in shards; the network itself stays whole, for evaluation and checkpoints.
        if strategy == "fully_sharded":
            return shard_network(model, device, world_size=self.world_size)
        # Buckets of gradients are averaged while the pass backward goes on (Li et al. 2020, "PyTorch Distributed",
        # section 3.2.3). Each process has as many images in a step, so the mean of means is the gradient of all.
        wrapped: nn.Module = DistributedDataParallel(
            model, device_ids=[device.index] if device.type == "cuda" else None
        )
        return wrapped


@contextmanager
def init_worker_group() -> Iterator[WorkerGroup]:
    """Join the group that torchrun has started us in; a process started on its own is a group of one."""
    if not dist.is_torchelastic_launched():
        yield WorkerGroup()
        return
    # NCCL moves tensors between GPUs; objects (metrics, stop requests, states of generators) go over the CPU by Gloo.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=timedelta(seconds=AGREE_TIMEOUT_S))
    try:
        rank, world_size = dist.get_rank(), dist.get_world_size()
        # By host name, not from LOCAL_RANK: two torchruns on one host would both count from 0 and share a GPU.
        hosts: list[Any] = [None] * world_size
        dist.all_gather_object(hosts, platform.node())
        group = WorkerGroup(
            rank=rank,
            world_size=world_size,
            local_rank=hosts[:rank].count(hosts[rank]),
            local_world_size=hosts.count(hosts[rank]),
        )
        # One torchrun sees the end of its own processes itself.
        with watching_peers(rank=rank, world_size=world_size) if GroupSize().group_world_size > 1 else nullcontext():
            yield group
    finally:
        dist.destroy_process_group()
