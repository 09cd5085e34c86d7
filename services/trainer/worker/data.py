"""Which images make up which step, and their loading. The order is a pure function of (seed, epoch)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch.utils.data import DataLoader, Sampler
from truscore.augmentation.seeds import mixed

from services.trainer.worker.tasks import Key, Task
from services.trainer.worker.tasks.protocol import Batch, ImageResult, Samples


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one of several processes works on."""

    rank: int = 0
    world_size: int = 1


def epoch_order(count: int, *, seed: int, epoch: int) -> list[int]:
    """The images of an epoch, shuffled."""
    # A generator of its own: the order must not depend on what else has drawn numbers by then.
    generator = torch.Generator().manual_seed(mixed(seed, epoch))
    return torch.randperm(count, generator=generator).tolist()


def training_steps(
    count: int, *, batch_size: int, accumulate: int, seed: int, epoch: int, share: Share
) -> list[list[list[Key]]]:
    """Of one process: its optimizer steps, each of up to ``accumulate`` batches of up to ``batch_size`` images.

    Every process gets as many steps and images as every other; where they don't divide, some images come twice.
    """
    order = epoch_order(count, seed=seed, epoch=epoch)
    # As torch's DistributedSampler: padded from the start, then every world_size-th image. Processes with different
    # numbers of steps would wait for one another's gradients for ever.
    wanted = math.ceil(count / share.world_size) * share.world_size
    mine = [order[place % count] for place in range(wanted)][share.rank :: share.world_size]
    batches = _chunks([Key(epoch=epoch, index=index) for index in mine], batch_size)
    return _chunks(batches, accumulate)


def steps_per_epoch(count: int, *, batch_size: int, accumulate: int, world_size: int) -> int:
    images = math.ceil(count / world_size)
    # The last step of an epoch may have fewer batches, and its last batch fewer images: none is left out.
    return math.ceil(math.ceil(images / batch_size) / accumulate)


def validation_batches(places: Sequence[int], *, batch_size: int, share: Share) -> list[list[Key]]:
    """Of one process; no image comes twice, so that metrics count each once."""
    # Not padded: an image that counted twice would change the metrics with the number of processes.
    return _chunks([Key(epoch=0, index=index) for index in places[share.rank :: share.world_size]], batch_size)


class Batches(Generic[Batch, ImageResult]):
    """Loads what the plan names. Keeps its worker processes, where it has some, from epoch to epoch."""

    def __init__(self, task: Task[Batch, ImageResult], *, workers: int) -> None:
        self.workers = workers
        self._training = _Planned()
        self._training_loader = _loader(task.training, self._training, task, workers)
        self._validation = _Planned()
        self._validation_loader = _loader(task.validation, self._validation, task, workers)

    def training(self, steps: Sequence[Sequence[Sequence[Key]]]) -> Iterator[list[Batch]]:
        """The batches of each step."""
        self._training.batches = [list(keys) for step in steps for keys in step]
        loaded = iter(self._training_loader)
        for step in steps:
            yield [next(loaded) for _ in step]

    def validation(self, batches: Sequence[Sequence[Key]]) -> Iterator[tuple[Sequence[Key], Batch]]:
        self._validation.batches = [list(keys) for keys in batches]
        yield from zip(batches, self._validation_loader, strict=True)


class _Planned(Sampler[list[Key]]):
    def __init__(self) -> None:
        self.batches: list[list[Key]] = []

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def _loader(samples: Samples, plan: _Planned, task: Task[Any, Any], workers: int) -> DataLoader[Any]:
    return DataLoader(
        samples,  # type: ignore[arg-type]
        batch_sampler=plan,
        num_workers=workers,
        persistent_workers=workers > 0,  # they hold the images that were loaded before the fork
        collate_fn=task.collate,
        # A generator of its own: the loader draws a number per pass, and the run's generators must not notice.
        generator=torch.Generator(),
    )


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
