"""What each key of the configuration accepts: one table, read by the resolver and by whoever has to show it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from truscore.configuration.errors import InvalidConfig
from truscore.configuration.recipe import SAMPLINGS


class Rule(Protocol):
    @property
    def accepted(self) -> str: ...
    def check(self, key: str, value: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[str, ...]

    @property
    def accepted(self) -> str:
        return "one of " + ", ".join(self.values)

    def check(self, key: str, value: Any) -> str:
        if not isinstance(value, str) or value not in self.values:
            raise InvalidConfig(key, value, self.accepted)
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """``or_word`` is what people may write in its place, and what they see of it; it is no value of the key."""

    least: int
    most: int
    or_word: str = ""

    @property
    def accepted(self) -> str:
        return f"a whole number from {self.least} to {self.most}" + (f", or {self.or_word}" if self.or_word else "")

    def check(self, key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise InvalidConfig(key, value, self.accepted)
        return value


@dataclass(frozen=True, slots=True)
class WholeOrNone:
    least: int
    most: int

    @property
    def accepted(self) -> str:
        return f"0 for none, or a whole number from {self.least} to {self.most}"

    def check(self, key: str, value: Any) -> int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or (value != 0 and not self.least <= value <= self.most):
            raise InvalidConfig(key, value, self.accepted)
        return int(value)


@dataclass(frozen=True, slots=True)
class Real:
    """A finite number from ``least`` to ``most``; ``above`` and ``below`` take the bound itself away."""

    least: float
    most: float
    above: bool = False
    below: bool = False

    @property
    def accepted(self) -> str:
        low, high = "above" if self.above else "from", "below" if self.below else "to"
        return f"a number {low} {self.least:g} {high} {self.most:g}"

    def check(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self._holds(value):
            raise InvalidConfig(key, value, self.accepted)
        return float(value)

    def _holds(self, value: float) -> bool:
        low = self.least < value if self.above else self.least <= value
        high = value < self.most if self.below else value <= self.most
        return math.isfinite(value) and low and high


@dataclass(frozen=True, slots=True)
class Flag:
    @property
    def accepted(self) -> str:
        return "true or false"

    def check(self, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidConfig(key, value, self.accepted)
        return value


@dataclass(frozen=True, slots=True)
class WeightsName:
    @property
    def accepted(self) -> str:
        return 'none, or a name under the store\'s pretrained/ prefix: letters, digits, ".", "_", "-" and "/"'

    def check(self, key: str, value: Any) -> str:
        named = (
            isinstance(value, str)
            and len(value) <= 200
            and re.fullmatch(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)*", value, re.ASCII)
        )
        if not named:
            raise InvalidConfig(key, value, self.accepted)
        return str(value)


_ARCHITECTURE = "architecture_config"
_CUSTOM = f"{_ARCHITECTURE}.custom_modifications"
_OPTIMIZATION = "hyperparameters.optimization"
_PROCESS = "hyperparameters.training_process"
_ADVANCED = "hyperparameters.advanced_settings"
_LOSS = "loss_config"

# base_architecture and primary_loss are missing on purpose: what they accept depends on the row of the catalog.
RULES: Mapping[str, Rule] = MappingProxyType(
    {
        f"{_ARCHITECTURE}.pretrained_weights": WeightsName(),
        f"{_CUSTOM}.backbone_freezing": Choice(("none", "partial", "full")),
        f"{_CUSTOM}.head_customization": Choice(("standard", "phoenix_specialized")),
        f"{_CUSTOM}.feature_pyramid": Choice(("standard", "enhanced")),
        f"{_ARCHITECTURE}.multi_gpu_support": Flag(),
        f"{_ARCHITECTURE}.optimization_mode": Choice(("none", "default", "reduce_overhead", "max_autotune")),
        f"{_OPTIMIZATION}.learning_rate": Real(0, 10, above=True),
        f"{_OPTIMIZATION}.lr_scheduler": Choice(
            ("one_cycle", "cosine_annealing", "step", "linear", "polynomial", "constant")
        ),
        f"{_OPTIMIZATION}.batch_size": Whole(1, 4096, or_word="auto where find_batch_size is not false"),
        f"{_OPTIMIZATION}.find_batch_size": Flag(),
        f"{_OPTIMIZATION}.gradient_clipping": Real(0, 1e6, above=True),
        f"{_OPTIMIZATION}.weight_decay": Real(0, 1),
        f"{_OPTIMIZATION}.momentum": Real(0, 1, below=True),
        f"{_OPTIMIZATION}.backbone_lr_multiplier": Real(0, 1, above=True),
        f"{_PROCESS}.epochs": Whole(1, 10_000),
        f"{_PROCESS}.early_stopping.patience": Whole(1, 10_000),
        f"{_PROCESS}.early_stopping.min_delta": Real(0, 1),
        f"{_PROCESS}.validation_frequency": Whole(1, 10_000),
        f"{_PROCESS}.checkpoint_saving": Choice(("best_and_latest", "best", "latest", "all")),
        f"{_PROCESS}.cross_validation_folds": WholeOrNone(2, 20),
        f"{_ADVANCED}.mixed_precision": Flag(),
        f"{_ADVANCED}.gradient_accumulation_steps": Whole(1, 1024),
        f"{_ADVANCED}.multi_gpu_strategy": Choice(("data_parallel", "fully_sharded")),
        f"{_ADVANCED}.memory_optimization": Flag(),
        f"{_LOSS}.loss_weights.classification": Real(0, 1e3),
        f"{_LOSS}.loss_weights.bbox_regression": Real(0, 1e3),
        f"{_LOSS}.loss_weights.mask_loss": Real(0, 1e3),
        f"{_LOSS}.focal_loss_params.alpha": Real(0, 1),
        f"{_LOSS}.focal_loss_params.gamma": Real(0, 10),
        f"{_LOSS}.regularization.l2_weight": Real(0, 1),
        f"{_LOSS}.regularization.dropout": Real(0, 1, below=True),
        "seed": Whole(0, 2**63 - 1),
        "image_size": Whole(32, 4096),
        "sampling": Choice(SAMPLINGS),
        "split.validation_fraction": Real(0, 0.8, above=True),
        "split.test_fraction": Real(0, 0.8),
    }
)
