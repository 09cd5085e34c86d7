"""The moments of an optimizer in files of their own: each process writes its part, while training goes on.

By torch.distributed.checkpoint in safetensors, which holds tensors and no code. A part is read by any number of
processes, each of which takes what it has need of.
"""

import warnings
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save
from truscore.files import sync_folder

from services.trainer.worker.errors import InvalidJob

# The other processes wait this long for one with a slow disk.
WRITE_TIMEOUT_S = 1800.0
SUFFIX = ".safetensors"
# Of a tensor's name: between that of the weight, which has dots, and that of the moment.
BETWEEN = "/"


class ShardedOptimizer:
    """The optimizer of a network in shards (FSDP2). Every process makes one, and calls the same methods."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._model, self._optimizer = model, optimizer
        # Of its own: the writers agree on who writes what in a thread beside the exchange of gradients.
        writers = dist.new_group(backend="gloo", timeout=timedelta(seconds=WRITE_TIMEOUT_S))
        assert isinstance(writers, dist.ProcessGroup)  # all processes belong to it
        self._writers = writers

    def begin_writing(self, folder: Path) -> tuple["Future[Any]", list[dict[str, Any]]]:
        """What ends when all processes have written, and the optimizer's groups of weights. The moments are copied by
        the time this returns: they may change from then on."""
        state: dict[str, Any] = dict(get_optimizer_state_dict(self._model, self._optimizer))
        folder.mkdir(parents=True, exist_ok=True)
        written = async_save(
            dict(_flat(state["state"])),
            storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True),
            process_group=self._writers,
        )
        assert isinstance(written, Future)  # another kind is for stagers that copy in the background
        return written, [dict(group) for group in state["param_groups"]]

    def load(self, folder: Path, groups: list[dict[str, Any]]) -> None:
        """Each process reads what it holds. Raises InvalidJob where files are missing or are none of this network."""
        reader = _reader(folder)
        state: dict[str, Any] = dict(get_optimizer_state_dict(self._model, self._optimizer))
        there = reader.read_metadata().state_dict_metadata
        tensors = {name: tensor for name, tensor in _flat(state["state"]).items() if name in there}
        load(tensors, storage_reader=reader, process_group=self._writers)
        restored: dict[str, Any] = {"state": _nested(tensors), "param_groups": groups}
        set_optimizer_state_dict(self._model, self._optimizer, restored)


def read_whole(folder: Path, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """The optimizer's state from the parts of all processes, by the names of the weights, in this process alone.

    Raises InvalidJob where there are none.
    """
    reader = _reader(folder)
    tensors: dict[str, Tensor] = {}
    for name, about in reader.read_metadata().state_dict_metadata.items():
        assert isinstance(about, TensorStorageMetadata)  # safetensors holds nothing else
        tensors[name] = torch.empty(about.size, dtype=about.properties.dtype)
    with warnings.catch_warnings():
        # Of no_dist, which is what is meant.
        warnings.filterwarnings("ignore", message="torch.distributed is disabled", category=UserWarning)
        load(tensors, storage_reader=reader, no_dist=True)
    return {"state": _nested(tensors), "param_groups": groups}


def sync_files(folder: Path) -> list[Path]:
    """The parts in the folder, by name, whose names are on the disk as their bytes are."""
    sync_folder(folder)
    sync_folder(folder.parent)
    return sorted(folder.glob(f"*{SUFFIX}"))


def _reader(folder: Path) -> HuggingFaceStorageReader:
    if not any(folder.glob(f"*{SUFFIX}")):
        raise InvalidJob(f"{folder.name}: the optimizer's shards of this checkpoint are not there")
    return HuggingFaceStorageReader(str(folder))


def _flat(state: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    return {f"{weight}{BETWEEN}{name}": value for weight, values in state.items() for name, value in values.items()}


def _nested(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    state: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        weight, _, moment = name.rpartition(BETWEEN)
        state.setdefault(weight, {})[moment] = value
    return state
