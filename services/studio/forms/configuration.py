"""Every key of the configuration as a field: its meaning, what it accepts, its default in the recipe. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from truscore.catalog import row_of
from truscore.configuration.text import flat_values
from truscore.recipes import resolve
from truscore.recipes.accepted_values import RULES, Choice, Flag, Real, Whole, WholeOrNone
from truscore.recipes.key_descriptions import MEANINGS
from truscore.recipes.resolve import BASE_KEY, LOSS_KEY
from truscore.recipes.suggestion import put

from services.studio.drafts.dataset import InvalidDraft

MOST_VALUES: Final = 200
MOST_PRIORITY: Final = 9
MOST_BUDGET_S: Final = 365 * 86400.0
# What most people change; everything else is behind a fold.
FIRST: Final = (
    BASE_KEY,
    "image_size",
    "hyperparameters.training_process.epochs",
    "hyperparameters.optimization.batch_size",
    "hyperparameters.optimization.find_batch_size",
    "hyperparameters.optimization.learning_rate",
    "seed",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """`kind`: "choice", "flag", "number" or "text". `default` as JSON."""

    key: str
    title: str
    section: str
    kind: str
    choices: tuple[str, ...]
    accepted: str
    meaning: str
    default: str
    step: str


def fields_of(category: str, option: str, architecture: str, *, profile: str = "small") -> tuple[Field, ...]:
    """The fields of a row, those that most people change first. Raises InvalidConfig."""
    row = row_of(category, option, architecture)
    values = dict(flat_values(resolve(category, option, architecture, profile=profile)))
    choices = {BASE_KEY: row.bases, LOSS_KEY: row.losses}
    keys = (*FIRST, *(key for key in (*RULES, LOSS_KEY) if key not in FIRST))
    return tuple(_field(key, values[key], choices.get(key)) for key in keys if key in values)


def _field(key: str, default: Any, row_choices: tuple[str, ...] | None) -> Field:
    rule = Choice(row_choices) if row_choices is not None else RULES[key]
    if isinstance(rule, Whole):
        rule = replace(rule, or_word="")  # a form has another field in place of the word
    section, _, title = key.rpartition(".")
    kinds = {Choice: "choice", Flag: "flag", Whole: "number", WholeOrNone: "number", Real: "number"}
    return Field(
        key=key,
        title=title.replace("_", " "),
        section=section.replace("_", " ").replace(".", " · "),
        kind=kinds.get(type(rule), "text"),
        choices=rule.values if isinstance(rule, Choice) else (),
        accepted=rule.accepted,
        meaning=MEANINGS.get(key, ""),
        default=json.dumps(default),
        step="1" if isinstance(rule, Whole | WholeOrNone) else "any",
    )


def overrides_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys with their values as the tree that an order takes. Raises InvalidDraft."""
    if len(values) > MOST_VALUES:
        raise InvalidDraft(f"{len(values)} values: accepted are up to {MOST_VALUES}")
    tree: dict[str, Any] = {}
    for key, value in values.items():
        if key not in RULES and key not in (BASE_KEY, LOSS_KEY):
            raise InvalidDraft(f"key {key!r:.80} is not in the configuration")
        put(tree, key, value)
    return tree


def priority_of(body: Mapping[str, Any]) -> int:
    """Raises InvalidDraft."""
    value = body.get("priority", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_PRIORITY:
        raise InvalidDraft(f"priority {value!r:.60}; accepted: a whole number from 0 to {MOST_PRIORITY}")
    return value


def time_budget_of(body: Mapping[str, Any]) -> float:
    """Seconds of training; 0 for no bound. Raises InvalidDraft."""
    value = body.get("time_budget_s", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_BUDGET_S:
        raise InvalidDraft(
            f"time_budget_s {value!r:.60}; accepted: seconds from 0, which is no bound, to {MOST_BUDGET_S:g}"
        )
    return float(value)
