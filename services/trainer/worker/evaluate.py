"""What a network is worth on images it was not trained on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn
from truscore.catalog.purpose import score_of
from truscore.recipes import Recipe

from services.trainer.worker.data import Batches, Share, validation_batches
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.tasks import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Mean ``loss`` over the images, None where the epoch was not validated; ``image_results`` are the task's."""

    loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    image_results: Sequence[Any] = ()

    def score(self, primary_metric: str) -> float:
        """Larger is better: the metric, turned round where smaller is, or the loss turned round where nothing to find
        makes the metric undefined."""
        value = self.metrics.get(primary_metric)
        return -(self.loss or 0.0) if value is None else score_of(primary_metric, value)


class Evaluable(Protocol):
    """The part of a run that validation needs."""

    recipe: Recipe
    batch_size: int
    task: Task[Any, Any]
    batches: Batches[Any, Any]
    network: nn.Module
    device: torch.device
    group: WorkerGroup

    def precision(self) -> AbstractContextManager[Any]: ...


def evaluate(run: Evaluable, *, until: Callable[[], str] = str, places: Sequence[int] | None = None) -> Evaluation:
    """Evaluate on the whole validation split, or its images at these places; given up, with no result, as soon as
    ``until`` returns a request to stop.

    Leaves the random generators as they were: whether an epoch is validated must not change the next.
    """
    losses: list[tuple[float, int]] = []
    image_results: list[Any] = []
    evaluated = range(len(run.task.validation)) if places is None else places
    plan = validation_batches(
        evaluated,
        batch_size=run.batch_size,
        share=Share(rank=run.group.rank, world_size=run.group.world_size),
    )
    # The network itself, not what it is wrapped in: nothing here is exchanged between processes, which may have
    # different numbers of batches.
    run.network.eval()
    # The same precision as in training: what is compared across epochs has to be computed alike.
    with torch.no_grad(), _own_randomness(run), run.precision():
        for keys, batch in run.batches.validation(plan):
            # Several processes would have to agree here, and they may have different numbers of batches.
            if run.group.world_size == 1 and until():
                return Evaluation()
            batch_evaluation = run.task.evaluate(run.network, run.task.to_device(batch, run.device), keys)
            # Weighed by images below: the last batch may be smaller, and processes may have different shares.
            losses.append((sum(batch_evaluation.losses.values()), len(keys)))
            image_results += batch_evaluation.image_results
    # In the order of the ranks, on every process: all compute the same metrics and so take the same decisions on best
    # weights and early stopping.
    losses, image_results = run.group.all_gather(losses), run.group.all_gather(image_results)
    images = sum(count for _, count in losses)
    return Evaluation(
        loss=sum(loss * count for loss, count in losses) / images,
        metrics=run.task.metrics(image_results),
        image_results=image_results,
    )


@contextmanager
def _own_randomness(run: Evaluable) -> Iterator[None]:
    """The loss samples regions: the same ones each time, and not at the cost of the training's generators."""
    with torch.random.fork_rng([run.device] if run.device.type == "cuda" else []):
        torch.manual_seed(run.recipe.seed)
        yield
