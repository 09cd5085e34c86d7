"""What an architecture family brings to the loop: samples, loss, judgement, metrics and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.comparison.bootstrap import Measure

Batch = TypeVar("Batch")
ImageResult = TypeVar("ImageResult")


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """Which sample: its index in the split, and the epoch whose augmentation it gets (0: as it is)."""

    epoch: int
    index: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchEvaluation(Generic[ImageResult]):
    """A validation batch: the parts of its loss (means over its images) and a result for each image."""

    losses: Mapping[str, float]
    image_results: Sequence[ImageResult]


class Samples(Protocol):
    """A split. The same key gives the same sample, in whatever process."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: Key) -> Any: ...

    def warm(self, *, threads: int) -> None:
        """Load as much as there is room for in memory."""
        ...


class Pictures(Samples, Protocol):
    """A split whose images can be had as they lie in the dataset."""

    @property
    def records(self) -> tuple[ImageRecord, ...]: ...

    def original(self, index: int) -> NDArray[np.uint8]:
        """[H, W, 3], upright, at its full size."""
        ...


class Task(Protocol[Batch, ImageResult]):
    """Verdicts are what is gathered over all processes to compute the metrics: they have to pickle."""

    @property
    def training(self) -> Samples: ...
    @property
    def validation(self) -> Samples: ...

    def collate(self, samples: Sequence[Any]) -> Batch: ...
    def to_device(self, batch: Batch, device: torch.device) -> Batch: ...
    def image_count(self, batch: Batch) -> int: ...

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Weighted parts of the loss by name; what is trained on is their sum, a mean over the batch's images."""
        ...

    def evaluate(self, model: nn.Module, batch: Batch, keys: Sequence[Key]) -> BatchEvaluation[ImageResult]:
        """``model`` is in eval mode, and stays so."""
        ...

    def metrics(self, image_results: Sequence[ImageResult]) -> dict[str, float]:
        """Finite numbers by name."""
        ...

    def measure(self, image_results: Sequence[ImageResult]) -> Measure:
        """Metrics of any places of the results, those that are cheap enough to be resampled."""
        ...

    def trivial(self, image_results: Sequence[ImageResult]) -> Mapping[str, Sequence[ImageResult]]:
        """What predictors that look at no picture, learnt from the training split, answer on the same images: by name,
        as results that ``metrics`` and ``measure`` take, in the order of these."""
        ...

    def image_of(self, image_result: ImageResult) -> int:
        """The index of its image in the validation split."""
        ...

    def report(self, model: nn.Module, image_results: Sequence[ImageResult], folder: Path) -> Mapping[str, Any]:
        """Write pictures of the validation split into the folder; plain values for the report."""
        ...


@runtime_checkable
class ChoosesThreshold(Protocol):
    """What a task adds whose networks decide by a threshold that training does not learn."""

    def choose_threshold(self, network: nn.Module, image_results: Sequence[Any]) -> Sequence[Any]:
        """Set the network's threshold by the results of the whole validation split; gives the results at it. It is a
        buffer of the network: saved, resumed and exported with its weights."""
        ...
