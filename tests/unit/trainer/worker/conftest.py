"""A task of another kind than detection: the loop has to train it just the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from truscore.recipes import Recipe, resolve

from services.trainer.worker.data import Batches, steps_per_epoch
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.loop import TrainingRun
from services.trainer.worker.optim import make_optimizer
from services.trainer.worker.rng_state import seed_all
from services.trainer.worker.tasks import BatchEvaluation, Key
from services.trainer.worker.train_state import Progress

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Runs set the number of threads to what the machine has; these are too small to gain from it."""
    yield
    torch.set_num_threads(1)


class Points:
    """Points on a line with a little noise that changes from epoch to epoch."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(1000 * key.epoch + key.index)
        x = torch.rand(2, generator=generator)
        return x, (3 * x[0] - x[1] + 0.01 * torch.rand(1, generator=generator))


@dataclass(frozen=True, kw_only=True, slots=True)
class LineFitting:
    """Least squares. Its metric is the share of points that are closer than ``near``."""

    training: Points
    validation: Points
    near: float = 0.2
    broken_at: int | None = None

    def collate(self, samples: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        return torch.stack([x for x, _ in samples]), torch.stack([y for _, y in samples])

    def to_device(self, batch: tuple[Tensor, Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
        return batch[0].to(device), batch[1].to(device)

    def image_count(self, batch: tuple[Tensor, Tensor]) -> int:
        return len(batch[0])

    def losses(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        loss = (model(batch[0]) - batch[1]).square().mean()
        return {"square": loss * float("nan") if self.broken_at is not None else loss}

    def evaluate(self, model: nn.Module, batch: tuple[Tensor, Tensor], keys: Sequence[Key]) -> BatchEvaluation[float]:
        distance = (model(batch[0]) - batch[1])[:, 0]
        return BatchEvaluation(
            losses={"square": distance.square().mean().item()}, image_results=distance.abs().tolist()
        )

    def metrics(self, image_results: Sequence[float]) -> dict[str, float]:
        return {"box_AP": sum(distance < self.near for distance in image_results) / len(image_results)}

    def report(self, model: nn.Module, image_results: Sequence[float], folder: Path) -> Mapping[str, Any]:
        return {}


def recipe_with(sections: Mapping[str, Any]) -> Recipe:
    # The metric that points have, in place of what borders are for.
    return replace(resolve("border_detection", "dual_class", "", sections), primary_metric="box_AP")


@pytest.fixture
def make_line_run() -> Callable[..., TrainingRun]:
    """A run that fits a line; keyword arguments are sections of the configuration, or parts of the run."""

    def make(*, images: int = 24, near: float = 0.2, broken: bool = False, **sections: Any) -> TrainingRun:
        parts = {name: sections.pop(name) for name in ("stop_requested", "clock") if name in sections}
        recipe = recipe_with(sections)
        hyper = recipe.hyperparameters
        task = LineFitting(training=Points(images), validation=Points(8), near=near, broken_at=0 if broken else None)
        seed_all(recipe.seed)
        network = nn.Sequential(nn.Linear(2, 8), nn.Dropout(recipe.loss_config.regularization.dropout), nn.Linear(8, 1))
        run = TrainingRun(
            batch_size=recipe.hyperparameters.optimization.batch_size,
            recipe=recipe,
            task=task,
            batches=Batches(task, workers=0),
            model=network,
            network=network,
            optimizer=make_optimizer(network, hyper.optimization),
            device=torch.device("cpu"),
            half=False,
            group=WorkerGroup(),
            steps_per_epoch=steps_per_epoch(
                images,
                batch_size=hyper.optimization.batch_size,
                accumulate=hyper.advanced_settings.gradient_accumulation_steps,
                world_size=1,
            ),
            progress=Progress(),
            stop_requested=str,
            clock=_ticking(),
        )
        return replace(run, **parts)

    return make


def _ticking() -> Callable[[], float]:
    ticks = iter(range(1_000_000_000))
    return lambda: float(next(ticks))
