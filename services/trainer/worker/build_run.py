"""Puts a run together from its order: task, network, optimizer, on this machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn
from truscore.catalog import row_of
from truscore.catalog.packaged_weights import installed_file, packaged
from truscore.datasets import ImageRecord
from truscore.recipes import InvalidConfig, Recipe
from truscore.recipes.resolve import published_recipe
from truscore.zoo import build_model
from truscore.zoo.compilation import compile_stages, save_memory, why_not_compilable
from truscore.zoo.pretrained import load_pretrained

from services.trainer.worker.data import Batches, steps_per_epoch
from services.trainer.worker.devices import Place, choose_precision
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.loop import TrainingRun
from services.trainer.worker.optim import make_optimizer, optimizer_of
from services.trainer.worker.rng_state import seed_all
from services.trainer.worker.run_dir import TrainingJob, local_batch
from services.trainer.worker.tasks.make import make_task, prepare, sample_count
from services.trainer.worker.train_state import Progress

# Decoded images kept in memory, by all processes of a host together: small sets are decoded once, not in each epoch.
CACHE_LIMIT_BYTES = 4 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltRun:
    """``notes`` says what this machine made of the recipe."""

    run: TrainingRun
    notes: dict[str, str]


def build_run(job: TrainingJob, *, place: Place, group: WorkerGroup, stop_requested: Callable[[], str]) -> BuiltRun:
    """The run at its beginning. Raises InvalidConfig where the recipe asks for what this machine hasn't."""
    recipe = job.recipe
    if job.cpu_processes not in (1, group.world_size):
        # Each would train on its part of a batch whose other parts nobody has.
        raise InvalidJob(f"order.json: cpu_processes {job.cpu_processes}, but the run has {group.world_size}")
    check_supported(recipe, place=place, group=group)
    # One seed on all processes first: each builds the same random weights, and nothing has to be sent around.
    seed_all(recipe.seed)
    network = build_model(recipe, len(job.class_names))
    notes = {"pretrained_weights": _start_from(network, job)} | ({"left_out": job.left_out} if job.left_out else {})
    prepare(network, job)
    # Before the optimizer: its moments are made beside the weights.
    network.to(place.device)
    # From here each process draws its own: dropout alike on every process would be one mask for a larger batch.
    seed_all(recipe.seed, group.rank)
    advanced = recipe.hyperparameters.advanced_settings
    precision = choose_precision(wanted=advanced.mixed_precision, device=place.device)
    if job.found_batch:
        notes["batch_size"] = job.found_batch.reason
    notes |= {"mixed_precision": precision.reason, "optimization_mode": _tune(network, recipe)}
    task = make_task(job, evaluated=job.validation, cache_limit_bytes=CACHE_LIMIT_BYTES // group.local_world_size)
    if place.loader_workers:
        # Before there are worker processes: they share what is loaded by then.
        task.training.warm(threads=place.cpus)
    # After compilation: DDP and FSDP wrap what runs.
    model = group.wrap(network, place.device, advanced.multi_gpu_strategy)
    run = TrainingRun(
        recipe=recipe,
        task=task,
        batches=Batches(task, workers=place.loader_workers),
        model=model,
        network=network,
        optimizer=make_optimizer(
            model,
            recipe.hyperparameters.optimization,
            optimizer_of(recipe),
            backbone_scale=backbone_scale_of(recipe),
        ),
        device=place.device,
        half=precision.half,
        group=group,
        batch_size=local_batch(job),
        steps_per_epoch=steps_per_epoch(
            sample_count(job),
            batch_size=local_batch(job),
            accumulate=advanced.gradient_accumulation_steps,
            world_size=group.world_size,
        ),
        progress=Progress(),
        found_batch=job.found_batch,
        # The best weights once more on the validation images, and on the test images.
        evaluations_after=1.0 + len(job.test) / max(1, len(job.validation)),
        # The leading process decides for all: one that stopped alone would leave the others waiting in a collective.
        stop_requested=lambda: group.broadcast(stop_requested()),
        # Not the time of day: that may be set back in the middle of an epoch.
        clock=time.monotonic,
    )
    return BuiltRun(run=run, notes=notes)


def backbone_scale_of(recipe: Recipe) -> float:
    """The body's share of the learning rate: random weights get all of it."""
    published = recipe.architecture_config.pretrained_weights != "none"
    return recipe.hyperparameters.optimization.backbone_lr_multiplier if published else 1.0


def evaluated_on(run: TrainingRun, job: TrainingJob, part: tuple[ImageRecord, ...]) -> TrainingRun:
    """The same run, validated on other images."""
    task = make_task(job, evaluated=part)
    # In this process: the images are gone through once, and worker processes take longer to start than they save.
    return replace(run, task=task, batches=Batches(task, workers=0))


def check_supported(recipe: Recipe, *, place: Place, group: WorkerGroup) -> None:
    """Raise InvalidConfig for what no default could stand in for without the user's noticing."""
    architecture = recipe.architecture_config
    if group.world_size > 1 and not architecture.multi_gpu_support:
        accepted = f"true for a run of {group.world_size} processes"
        raise InvalidConfig("architecture_config.multi_gpu_support", False, accepted)
    if architecture.optimization_mode != "none" and (reason := why_not_compilable(place.device.type)):
        key = "architecture_config.optimization_mode"
        raise InvalidConfig(key, architecture.optimization_mode, f"none, as torch.compile can't work here: {reason}")


def _start_from(network: nn.Module, job: TrainingJob) -> str:
    name = job.recipe.architecture_config.pretrained_weights
    if name == "none":
        return "from scratch" + _left_aside(job.recipe)
    if job.pretrained is None:
        key = "architecture_config.pretrained_weights"
        raise InvalidConfig(key, name, "none, or a name whose file is given to the run: it has none")
    loaded = load_pretrained(network, job.pretrained)
    return f"{name}: {loaded.matched} of {loaded.total} tensors"


def _left_aside(recipe: Recipe) -> str:
    """Which published body a default recipe would have begun with, had its package been there."""
    published = published_recipe(row_of(recipe.category, recipe.option, recipe.architecture))
    if published is None:
        return ""
    base, name = published.architecture_config.base_architecture, published.architecture_config.pretrained_weights
    file = packaged(base, name)
    if file is None or installed_file(file):
        return ""
    return f"; {base} with {name} weights comes with the package {file.distribution}, which is not installed here"


def _tune(network: nn.Module, recipe: Recipe) -> str:
    mode = recipe.architecture_config.optimization_mode
    if mode != "none":
        compile_stages(network, mode)
    if recipe.hyperparameters.advanced_settings.memory_optimization:
        save_memory(network)
    if mode == "max_autotune":
        return "max_autotune: kernels are picked by their speed; the last bits may differ from run to run"
    return mode
