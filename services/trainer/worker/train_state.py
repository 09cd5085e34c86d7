"""How far a run has come, as plain values: what is saved beside the weights."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from services.trainer.journal import EpochDone
from services.trainer.worker.errors import Diverged


@dataclass(kw_only=True, slots=True)
class Sums:
    """Sums over images of the parts of the loss. They stay on the device: reading them waits for it."""

    images: int = 0
    parts: dict[str, Tensor] = field(default_factory=dict)

    def add(self, parts: Mapping[str, Tensor], *, images: int) -> None:
        self.images += images
        for name, part in parts.items():
            # [] in float64: ten thousands of float32 addends would lose the digits that are reported. Parts are means
            # over a batch's images; by images they add up to sums.
            value = part.detach().double() * images
            self.parts[name] = self.parts[name] + value if name in self.parts else value

    def include(self, other: "Sums") -> None:
        self.images += other.images
        for name, part in other.parts.items():
            self.parts[name] = self.parts[name] + part if name in self.parts else part

    def means(self) -> dict[str, float]:
        """Mean of each part over the images. Raises Diverged naming a part that is no finite number."""
        # The host waits here until the device has computed all that was queued: only as often as something is reported.
        means = {name: part.item() / max(1, self.images) for name, part in self.parts.items()}
        for name, mean in means.items():
            if not math.isfinite(mean):
                raise Diverged(f"the {name} loss became {mean}; a lower learning_rate or gradient_clipping may help")
        return means

    def to_plain(self) -> dict[str, Any]:
        return {"images": self.images, "parts": {name: part.item() for name, part in self.parts.items()}}

    @staticmethod
    def from_plain(plain: Mapping[str, Any], device: torch.device) -> "Sums":
        parts = {
            name: torch.tensor(value, dtype=torch.float64, device=device) for name, value in plain["parts"].items()
        }
        return Sums(images=plain["images"], parts=parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The validation with the highest score so far."""

    epoch: int
    score: float
    metrics: Mapping[str, float]


@dataclass(kw_only=True, slots=True)
class Progress:
    """``epoch`` (from 1) is the one under way, of which ``step_in_epoch`` steps are done and ``epoch_s`` spent, of that
    ``loading_s`` waiting for images. ``saving_s`` was spent on saving all epochs before.

    ``sums`` are over the epoch and ``recent`` since the last report. ``evaluations_without_improvement`` counts those
    in a row that have not beaten ``reference`` by the recipe's min_delta.
    """

    epoch: int = 1
    step: int = 0
    step_in_epoch: int = 0
    epoch_s: float = 0.0
    loading_s: float = 0.0
    saving_s: float = 0.0
    sums: Sums = field(default_factory=Sums)
    recent: Sums = field(default_factory=Sums)
    best: Best | None = None
    reference: float | None = None
    evaluations_without_improvement: int = 0
    history: list[EpochDone] = field(default_factory=list)

    def record_score(self, score: float, metrics: Mapping[str, float], *, min_delta: float) -> bool:
        """Take a validation into account; whether it is the best so far."""
        # Two questions of one score: is it better by enough to be patient for (reference), and is it the best to be
        # kept (best). A slow climb below min_delta a time still ends in the best weights, and in early stopping.
        if self.reference is None or score > self.reference + min_delta:
            self.reference, self.evaluations_without_improvement = score, 0
        else:
            self.evaluations_without_improvement += 1
        is_best = self.best is None or score > self.best.score
        if is_best:
            self.best = Best(epoch=self.epoch, score=score, metrics=dict(metrics))
        return is_best

    def close_epoch(self, done: EpochDone) -> None:
        # After the record of the epoch is made: it reads the sums that are reset here.
        self.history.append(done)
        self.epoch += 1
        self.step_in_epoch, self.epoch_s, self.loading_s = 0, 0.0, 0.0
        self.sums, self.recent = Sums(), Sums()

    def to_plain(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "step": self.step,
            "step_in_epoch": self.step_in_epoch,
            "epoch_s": self.epoch_s,
            "loading_s": self.loading_s,
            "saving_s": self.saving_s,
            # Within an epoch too: a run that goes on in the middle reports the means that it would have reported.
            "sums": self.sums.to_plain(),
            "recent": self.recent.to_plain(),
            "best": None if self.best is None else asdict(self.best),
            "reference": self.reference,
            # The key is that of files that were written before the field was renamed.
            "fruitless": self.evaluations_without_improvement,
            "history": [asdict(done) for done in self.history],
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any], device: torch.device) -> "Progress":
        return Progress(
            epoch=plain["epoch"],
            step=plain["step"],
            step_in_epoch=plain["step_in_epoch"],
            epoch_s=plain["epoch_s"],
            # Checkpoints of earlier versions have neither.
            loading_s=plain.get("loading_s", 0.0),
            saving_s=plain.get("saving_s", 0.0),
            sums=Sums.from_plain(plain["sums"], device),
            recent=Sums.from_plain(plain["recent"], device),
            best=None if plain["best"] is None else Best(**plain["best"]),
            reference=plain["reference"],
            evaluations_without_improvement=plain["fruitless"],
            history=[EpochDone(**done) for done in plain["history"]],
        )
