"""Finds the batch of a run whose recipe has it found, once: later attempts take the number that is on record.

Measured is one training step on the run's own images, on this device: what autograd keeps between the passes, and what
weights, gradients and moments take. Bytes of tensors follow from recipe, images and device alone, so that the same
machine always comes to the same number, whatever else it does.
"""

import json
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from truscore.files import atomic_write
from truscore.process.cgroup import read_cgroup
from truscore.recipes.batch_size import CEILINGS, FoundBatch, MemoryNeed, find_batch
from truscore.recipes.memory import CPU_SHARE, GPU_SHARE, RECOMPUTED_SHARE
from truscore.zoo import build_model

from services.trainer.worker.checkpoint import LATEST, read
from services.trainer.worker.data import steps_per_epoch
from services.trainer.worker.devices import Place, choose_precision
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.optim import make_optimizer, optimizer_of
from services.trainer.worker.rng_state import seed_all
from services.trainer.worker.run_dir import RunDir, TrainingJob, local_batch
from services.trainer.worker.tasks import Key, Task
from services.trainer.worker.tasks.make import make_task, prepare, sample_count

# Batches that are measured, spread over the training images: some have more marks than others.
MEASURED = 4
# What the passes make besides and give back at once, of what is kept: 0.3 to 0.5 by the resident size of four networks
# (docs/performance.md).
PASSING_SHARE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredStep:
    """Bytes that an image takes in a step, and those of weights, gradients and moments; and the images that the network
    needs to be trained on at once."""

    image_bytes: int
    fixed_bytes: int
    least_images: int


def with_found_batch(job: TrainingJob, run_dir: RunDir, *, place: Place, group: WorkerGroup) -> TrainingJob:
    """The job as it is trained: with the batch on record, or else one that is found now. Every process has to ask."""
    if not job.recipe.hyperparameters.optimization.find_batch_size:
        return job
    # The checkpoint's word first, whose optimizer goes on with it.
    saved = group.all_gather([_of_checkpoint(run_dir)])
    noted = group.all_gather([job.found_batch or _of_folder(run_dir)])
    found = next((one for one in (*saved, *noted) if one is not None), None)
    if found is None:
        # All train with the batch of the process that has room for the fewest.
        found = min(group.all_gather([_find(job, place=place, group=group)]), key=lambda one: one.batch_size)
    if group.local_rank == 0:
        # On each host: processes that begin anew before the service has the number come to it without those that left.
        with atomic_write(run_dir.found_batch, one_writer=True) as file:
            file.write(json.dumps(found.to_plain()).encode())
    return replace(job, recipe=found.applied_to(job.recipe), found_batch=found)


def _of_checkpoint(run_dir: RunDir) -> FoundBatch | None:
    latest = run_dir.checkpoints / LATEST
    plain = read(latest).get("found_batch") if latest.exists() else None
    return FoundBatch(**plain) if plain else None


def _of_folder(run_dir: RunDir) -> FoundBatch | None:
    place = run_dir.found_batch
    return FoundBatch(**json.loads(place.read_bytes())) if place.exists() else None


def _find(job: TrainingJob, *, place: Place, group: WorkerGroup) -> FoundBatch:
    measured = measure_step(job, place=place, group=group)
    if place.device.type == "cuda":
        # The run's own tensors are of other sizes: blocks that are kept for these would only be in their way.
        torch.cuda.empty_cache()
    need = MemoryNeed(
        image_bytes=measured.image_bytes,
        fixed_bytes=measured.fixed_bytes,
        limit_bytes=memory_limit(job, place=place, group=group),
    )
    return find_batch(
        job.recipe,
        need,
        processes=job.cpu_processes,
        # Hosts that come and go share the recipe's batch evenly, but perhaps not a half of it.
        least=local_batch(job) if job.elastic else measured.least_images,
        ceiling=CEILINGS[place.device.type],
        steps=lambda images: steps_per_epoch(
            sample_count(job),
            batch_size=images,
            accumulate=job.recipe.hyperparameters.advanced_settings.gradient_accumulation_steps,
            world_size=group.world_size,
        ),
    )


def memory_limit(job: TrainingJob, *, place: Place, group: WorkerGroup) -> int:
    """Bytes for a process: of the memory that its device has in all, not of what is free now."""
    if place.device.type == "cuda":
        beside = math.ceil(group.local_world_size / torch.cuda.device_count())
        return int(GPU_SHARE * torch.cuda.mem_get_info(place.device)[1]) // (beside * job.runs_at_once)
    total = psutil.virtual_memory().total
    held_to = min(total, read_cgroup().limit_bytes or total)
    return int(CPU_SHARE * held_to) // (group.local_world_size * job.runs_at_once)


def measure_step(job: TrainingJob, *, place: Place, group: WorkerGroup) -> MeasuredStep:
    """A step of the recipe's network on the run's images. Raises what training raises."""
    recipe = job.recipe
    # The same on all processes; the run seeds its generators anew.
    seed_all(recipe.seed)
    network = build_model(recipe, len(job.class_names))
    prepare(network, job)
    network.to(place.device).train()
    task = make_task(job, evaluated=job.validation)
    advanced = recipe.hyperparameters.advanced_settings
    half = choose_precision(wanted=advanced.mixed_precision, device=place.device).half
    optimizer = make_optimizer(network, recipe.hyperparameters.optimization, optimizer_of(recipe))
    most_kept = 0.0
    for keys in measured_batches(len(task.training), at_most=local_batch(job)):
        with torch.autocast(place.device.type, dtype=torch.bfloat16) if half else nullcontext():
            loss, kept = _forward(network, task, keys, place.device)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        most_kept = max(most_kept, kept / len(keys))
    gradients = sum(weight.grad.nbytes for weight in network.parameters() if weight.grad is not None)
    optimizer.step()
    state = sum(value.nbytes for moments in optimizer.state.values() for value in moments.values() if _is_tensor(value))
    weights = sum(value.nbytes for value in (*network.parameters(), *network.buffers()))
    # Several processes keep their gradients twice: DDP exchanges copies in buckets.
    fixed_bytes = weights + gradients * (2 if group.world_size > 1 else 1) + state
    # Stages that are computed again keep half; the hooks don't see what is inside of one meanwhile.
    kept_share = RECOMPUTED_SHARE if advanced.memory_optimization else 1.0
    image_bytes = math.ceil(most_kept * (kept_share + PASSING_SHARE))
    over_batch = any(isinstance(module, _BatchNorm) for module in network.modules())
    return MeasuredStep(image_bytes=image_bytes, fixed_bytes=fixed_bytes, least_images=2 if over_batch else 1)


def measured_batches(count: int, *, at_most: int) -> list[list[Key]]:
    """Batches of two, as norms over a batch want them, or of one where there are no two, spread over the samples."""
    size = max(1, min(2, at_most, count))
    starts = sorted({number * (count - size) // max(1, MEASURED - 1) for number in range(MEASURED)})
    return [[Key(epoch=1, index=start + place) for place in range(size)] for start in starts]


def _forward(network: nn.Module, task: Task[Any, Any], keys: Sequence[Key], device: torch.device) -> tuple[Tensor, int]:
    """The loss of a batch, and the bytes that autograd keeps for its gradient beside the weights."""
    own = {value.untyped_storage().data_ptr() for value in (*network.parameters(), *network.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = task.to_device(task.collate([task.training[key] for key in keys]), device)
    # What is kept stays until the pass back, so that no address comes twice.
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = torch.stack(list(task.losses(network, batch).values())).sum()
    return loss, sum(kept.values())


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)
