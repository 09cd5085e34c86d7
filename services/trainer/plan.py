"""What was ordered, and the run that follows from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from truscore.configuration.recipe import PUBLISHED
from truscore.recipes import InvalidConfig, Recipe, hindrance_of, resolve, run_id_for
from truscore.storage import Stored

MOST_URGENT = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOrder:
    """A validated dataset and what is to be trained on it."""

    dataset_id: str
    version: str
    uri: str  # "s3://bucket/prefix/"
    category: str
    option: str
    architecture: str
    overrides: Mapping[str, Any]
    export_formats: tuple[str, ...]
    request_id: str
    dataset_digest: str
    index: Stored
    report: Stored
    key_id: str  # of the key that signed the report; empty for none
    signature: str
    class_names: tuple[str, ...]
    ordered_at: datetime
    redelivered: bool  # whether another trainer, or this one, had it before
    wire: bytes  # the order as it came, to be published again when the run is resumed
    event_id: str  # of the DatasetReady; empty where the validator passed none on
    priority: int = 0  # 0 to 9
    time_budget_s: float = 0.0  # of training, over all attempts; 0 for no bound
    prioritized: bool = False  # whether it came past the orders that wait


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A run: the order with its configuration resolved."""

    run_id: str
    order: TrainingOrder
    recipe: Recipe


def plan(order: TrainingOrder, *, profile: str) -> Plan:
    """The run that an order asks for. Raises InvalidConfig.

    Where the recipe on published weights is in the way of a file that is ordered, as windows are of INT8, the small
    recipe is taken: an order that some trainer can fulfil must not train for nothing.
    """
    check_bounds(order)
    recipe = resolve(order.category, order.option, order.architecture, order.overrides, profile=profile)
    if profile == PUBLISHED and any(hindrance_of(recipe, format) for format in order.export_formats):
        recipe = resolve(order.category, order.option, order.architecture, order.overrides)
    return Plan(run_id=run_id_for(order.dataset_digest, recipe, order.request_id), order=order, recipe=recipe)


def check_bounds(order: TrainingOrder) -> None:
    """Raise InvalidConfig where the order's priority or budget is out of its bounds."""
    if not 0 <= order.priority <= MOST_URGENT:
        raise InvalidConfig("priority", order.priority, f"0 to {MOST_URGENT}")
    if not isfinite(order.time_budget_s) or order.time_budget_s < 0:
        raise InvalidConfig("time_budget_s", order.time_budget_s, "seconds above 0, or 0 for no bound")
