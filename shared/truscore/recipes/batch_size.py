"""The batch of a run that finds its own: which sizes are tried, when one fits, and what follows for the rate. Pure.

A batch fits where weights and images take no more than the process's share of the memory that the device has in all,
where an epoch keeps enough steps, and where a larger one would be faster at all. Nothing in it depends on what else the
machine does at the time: neither free memory nor a measured pace.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from truscore.catalog.networks import NETWORKS
from truscore.configuration.recipe import Recipe

AUTO = "auto"
# Fewer steps an epoch learn less from the same images than a larger batch gains in time; as `suggest` has it.
LEAST_STEPS = 8
LEAST_IMAGES = 2
# Images of a process beyond which no device that we know trains faster, by kind: docs/performance.md. On a CPU the
# layers are busy with few images, and more of them only leave its caches.
CEILINGS: Mapping[str, int] = {"cpu": 8, "cuda": 256}


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryNeed:
    """Of one process: what an image takes in a step, what weights with gradients and moments take, and what
    there is for both."""

    image_bytes: int
    fixed_bytes: int
    limit_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundBatch:
    """``batch_size`` and ``learning_rate`` are what the run trains with; ``stated_batch_size`` is the recipe's, which
    its own rate belongs to. ``bound_by``: "memory", "training_images" or "ceiling"."""

    batch_size: int
    stated_batch_size: int
    learning_rate: float
    image_bytes: int
    fixed_bytes: int
    limit_bytes: int
    bound_by: str

    def applied_to(self, recipe: Recipe) -> Recipe:
        """The recipe as it is trained."""
        hyper = recipe.hyperparameters
        optimization = replace(hyper.optimization, batch_size=self.batch_size, learning_rate=self.learning_rate)
        return replace(recipe, hyperparameters=replace(hyper, optimization=optimization))

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def reason(self) -> str:
        """For people."""
        because = {
            "memory": "twice as many would not fit its memory",
            "training_images": f"twice as many would leave fewer than {LEAST_STEPS} steps an epoch",
            "ceiling": "more would be no faster",
        }[self.bound_by]
        return (
            f"{self.batch_size} images instead of {self.stated_batch_size}, at a learning rate of "
            f"{self.learning_rate:.3g}: {because} ({_mib(self.image_bytes)} an image and {_mib(self.fixed_bytes)} of "
            f"weights, {_mib(self.limit_bytes)} for a process)"
        )


def find_batch(
    recipe: Recipe, need: MemoryNeed, *, processes: int, least: int, ceiling: int, steps: Callable[[int], int]
) -> FoundBatch:
    """The largest batch that fits, of the recipe's own doubled or halved any number of times.

    ``processes`` share a batch; each keeps ``least`` images of it, however little fits. ``steps`` gives the optimizer
    steps of an epoch by a process's images. Whatever shares the recipe's batch evenly shares a doubled one.
    """
    stated = recipe.hyperparameters.optimization.batch_size

    def hindrance(batch: int) -> str:
        images = batch // processes
        if need.fixed_bytes + images * need.image_bytes > need.limit_bytes:
            return "memory"
        if steps(images) < LEAST_STEPS:
            return "training_images"
        return "ceiling" if images > ceiling else ""

    def may_be_halved(batch: int) -> bool:
        # A batch of one is for want of memory only: its gradient is all noise.
        fewest = least if hindrance(batch) == "memory" else max(least, LEAST_IMAGES)
        return batch % (2 * processes) == 0 and batch // (2 * processes) >= fewest

    batch = stated
    while hindrance(batch) and may_be_halved(batch):
        batch //= 2
    while not hindrance(2 * batch):
        batch *= 2
    rate = recipe.hyperparameters.optimization.learning_rate * rate_factor(
        recipe.architecture_config.base_architecture, batch / stated
    )
    return FoundBatch(
        batch_size=batch, stated_batch_size=stated, learning_rate=rate, bound_by=hindrance(2 * batch),
        image_bytes=need.image_bytes, fixed_bytes=need.fixed_bytes, limit_bytes=need.limit_bytes,
    )  # fmt: skip


def rate_factor(base: str, batch_factor: float) -> float:
    """What the learning rate is multiplied by, where the batch is multiplied by ``batch_factor``.

    In proportion for SGD (Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.1); by the square root for Adam
    (Malladi et al. 2022, "On the SDEs and scaling rules for adaptive gradient algorithms", section 5). A plug-in's
    network is trained by AdamW.
    """
    network = NETWORKS.get(base)
    return batch_factor if network is not None and network.solver == "sgd" else math.sqrt(batch_factor)


def with_words_resolved(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """An order's configuration with ``batch_size: auto`` as the contract has it, ``find_batch_size: true``.

    Beside a find_batch_size of false the word stays, and is refused where the key is read.
    """
    hyper = overrides.get("hyperparameters")
    optimization = hyper.get("optimization") if isinstance(hyper, Mapping) else None
    if not isinstance(hyper, Mapping) or not isinstance(optimization, Mapping):
        return dict(overrides)
    if optimization.get("batch_size") != AUTO or optimization.get("find_batch_size", True) is not True:
        return dict(overrides)
    resolved = {key: value for key, value in optimization.items() if key != "batch_size"} | {"find_batch_size": True}
    return {**overrides, "hyperparameters": {**hyper, "optimization": resolved}}


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"
