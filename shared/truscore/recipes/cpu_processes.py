"""How many training processes a run takes on a machine without a GPU, and why. Pure.

Small networks on small images leave a second thread waiting: on two cores the small Mask R-CNN at 160 px trained 8.7
images a second by two threads and a batch of 2, 12.4 by one thread, 19.7 by two processes of one thread each with one
image. So such a run takes processes, each with its share of the same batch, where what they save is more than their
start.
"""

from dataclasses import dataclass

from truscore.catalog import network_of
from truscore.catalog.networks.configs import VisionTransformerConfig
from truscore.configuration.recipe import Recipe

# Seconds of a core for each byte that an image keeps for the gradient: the small Mask R-CNN, one thread, 160 px.
CORE_S_PER_BYTE = 3.3e-9
LINES_CORE_S = 0.1  # and for the strips of an image, where borders have their second stage
# Several processes start by torchrun, which imports torch once more and has them meet: 4 s. Each imports all libraries
# beside the other, and validation and report stay as they are: below two minutes of training nothing is won for sure.
LEAST_CORE_S = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuProcesses:
    """``count`` of them, each with that part of the recipe's batch; ``reason`` for people."""

    count: int
    reason: str


def cpu_processes(recipe: Recipe, *, images: int, cores: int) -> CpuProcesses:
    """For a run on ``images`` training images where ``cores`` are free for it."""
    architecture, hyper = recipe.architecture_config, recipe.hyperparameters
    batch = hyper.optimization.batch_size
    count = max((one for one in range(1, max(cores, 1) + 1) if batch % one == 0), default=1)
    needed_s = core_seconds(recipe, images=images)
    if not architecture.multi_gpu_support:
        return _one("architecture_config.multi_gpu_support is false")
    if cores < 2:
        return _one("one core")
    if count == 1:
        return _one(f"a batch of {batch} has no equal parts for {cores} cores or fewer")
    if why := _why_by_batch(recipe):
        return _one(why)
    if needed_s < LEAST_CORE_S:
        return _one(f"some {needed_s:.0f} s of one core: starting more processes pays from {LEAST_CORE_S:.0f} s")
    return CpuProcesses(
        count=count,
        reason=f"some {needed_s:.0f} s of one core, shared by {count} processes with {batch // count} images each",
    )


def core_seconds(recipe: Recipe, *, images: int) -> float:
    """About how long one core trains. Networks that nobody measured count as the smallest: they get one process."""
    per_pixel = network_of(recipe.architecture_config.base_architecture).activation_bytes_per_pixel or 0
    image_s = recipe.image_size**2 * per_pixel * CORE_S_PER_BYTE
    head = recipe.architecture_config.custom_modifications.head_customization
    if recipe.category == "border_detection" and head == "phoenix_specialized":
        image_s += LINES_CORE_S
    return images * recipe.hyperparameters.training_process.epochs * image_s


def _why_by_batch(recipe: Recipe) -> str:
    """Empty where each image is normalised by itself, or by published statistics that stay: then the gradient of a
    batch is the mean of those of its parts."""
    config = network_of(recipe.architecture_config.base_architecture).config
    if config is None:
        return "a plug-in network, whose norms may be over the batch"
    if isinstance(config, VisionTransformerConfig) and config.convolutions:
        return "its norms are over the batch"
    return ""


def _one(reason: str) -> CpuProcesses:
    return CpuProcesses(count=1, reason=reason)
