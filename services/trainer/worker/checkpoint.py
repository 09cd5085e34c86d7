"""Everything a run needs to go on, in one file that is whole or not there.

Written beside its place, synced, hashed, renamed. Read back with tensors and plain values only, never code.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from truscore.files import atomic_write, sha256_of, sync_folder
from truscore.recipes import recipe_to_json
from truscore.zoo.checkpoint import read_checkpoint

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.fsdp import gather_weights, optimizer_state, restore_optimizer, scatter_weights
from services.trainer.worker.loop import TrainingRun
from services.trainer.worker.rng_state import capture_rng_state, restore_rng_state
from services.trainer.worker.train_state import Progress

FORMAT = 1
LATEST, BEST = "latest.pt", "best.pt"


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenFile:
    path: Path
    sha256: str
    size_bytes: int


def contents(run: TrainingRun, class_names: tuple[str, ...], *, sharded: bool = False) -> dict[str, Any]:
    """What is saved, without the optimizer's state where that is written in shards. Every process has to ask: each
    adds the state of its generators."""
    gather_weights(run.model, run.network)
    return {
        "format": FORMAT,
        "recipe": recipe_to_json(run.recipe),
        "class_names": list(class_names),
        "found_batch": run.found_batch.to_plain() if run.found_batch else None,
        "model": run.network.state_dict(),
        # Whole as well, wherever the shards are: a run may go on with another number of processes.
        "optimizer": {} if sharded else optimizer_state(run.model, run.optimizer),
        "scheduler": {"name": run.recipe.hyperparameters.optimization.lr_scheduler, "step": run.progress.step},
        # One state for each process, in the order of the ranks.
        "generators": run.group.all_gather([capture_rng_state(run.device)]),
        "progress": run.progress.to_plain(),
        "threads": torch.get_num_threads(),
    }


def restore(
    run: TrainingRun,
    content: Mapping[str, Any],
    class_names: tuple[str, ...],
    restore_moments: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Put the run where it was saved; its optimizer by another way where one is given. Raises InvalidJob for the
    checkpoint of another run."""
    if content["recipe"] != recipe_to_json(run.recipe) or tuple(content["class_names"]) != class_names:
        raise InvalidJob("checkpoints/latest.pt was written by a run with another recipe or other classes")
    run.network.load_state_dict(content["model"])
    scatter_weights(run.network, run.model)
    if restore_moments is None:
        restore_optimizer(run.model, run.optimizer, content["optimizer"])
    else:
        restore_moments(content["optimizer"])
    run.progress = Progress.from_plain(content["progress"], run.device)
    if run.device.type == "cpu":
        # Sums are split over the threads: with another number of them the last bits would be others.
        torch.set_num_threads(content["threads"])
    states = content["generators"]
    # A process that was not there when the state was saved keeps the seed of its own.
    if run.group.rank < len(states):
        restore_rng_state(states[run.group.rank], run.device)


def write(content: Mapping[str, Any], path: Path) -> WrittenFile:
    """Write the file whole. A failure, such as a full disk, leaves nothing behind and what was there as it was."""
    with atomic_write(path, one_writer=True) as file:
        torch.save(dict(content), file)
        # The digest is that of what is in the file, read back, not of what was meant to be written.
        size_bytes = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return WrittenFile(path=path, sha256=digest, size_bytes=size_bytes)


def link_as(written: WrittenFile, name: str) -> WrittenFile:
    """The same file under a second name beside the first, at once."""
    place = written.path.with_name(name)
    partial = place.with_name(f".{name}.part")
    partial.unlink(missing_ok=True)
    # A link, not a copy: a checkpoint is several times the size of its weights.
    partial.hardlink_to(written.path)
    partial.replace(place)
    sync_folder(place.parent)
    return WrittenFile(path=place, sha256=written.sha256, size_bytes=written.size_bytes)


def read(path: Path) -> dict[str, Any]:
    """Raises UnusableCheckpoint, or InvalidJob where a newer trainer wrote it."""
    content = dict(read_checkpoint(path))
    if content.get("format") != FORMAT:
        raise InvalidJob(f"{path.name} has format {content.get('format')!r}, accepted is {FORMAT}")
    return content


def digest_of(path: Path) -> WrittenFile:
    """Path, digest and size of a file that ``write`` wrote before."""
    return WrittenFile(path=path, sha256=sha256_of(path), size_bytes=path.stat().st_size)


def weights_sha256(network: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of the weights, by name: equal for equal weights."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        # With type and shape: the same bytes as another shape are another network.
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(_bytes(value))
    return digest.hexdigest()


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
