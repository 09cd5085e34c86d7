"""Rows of the catalog, configurations put together, and values that any key accepts."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from truscore import catalog
from truscore.catalog.table import Row
from truscore.recipes.accepted_values import RULES, Choice, Flag, Real, Rule, WeightsName, Whole, WholeOrNone

AVAILABLE = [row for row in catalog.ROWS if row.available]
PROFILES = ("small", "full")


def name_of(row: Row) -> str:
    return f"{row.category}-{row.option}-{row.architecture}"


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def merged(*trees: Mapping[str, Any]) -> dict[str, Any]:
    both: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            both[key] = merged(both.get(key, {}), value) if isinstance(value, Mapping) else value
    return both


def at(tree: Mapping[str, Any], key: str) -> Any:
    value: Any = tree
    for part in key.split("."):
        value = value[part]
    return value


def values_of(rule: Rule) -> st.SearchStrategy[Any]:
    """Values that a key accepts on its own."""
    match rule:
        case Choice(values):
            return st.sampled_from(values)
        case Whole(least, most):
            return st.integers(least, most)
        case WholeOrNone(least, most):
            return st.just(0) | st.integers(least, most)
        case Real(least, most):
            return st.floats(least, most, exclude_min=rule.above, exclude_max=rule.below)
        case Flag():
            return st.booleans()
        case WeightsName():
            return st.sampled_from(("none", "coco", "imagenet", "ours", "folder/file.pth"))
    raise TypeError(f"{type(rule).__name__} has no values")


def keys_and_values(row: Row) -> st.SearchStrategy[dict[str, Any]]:
    """A few keys of a row's configuration with values that each accepts on its own."""
    strategies = {key: values_of(rule) for key, rule in RULES.items()}
    strategies["architecture_config.base_architecture"] = st.sampled_from(row.bases)
    strategies["loss_config.primary_loss"] = st.sampled_from(row.losses)
    pairs = st.sampled_from(sorted(strategies)).flatmap(lambda key: st.tuples(st.just(key), strategies[key]))
    return st.lists(pairs, max_size=6).map(lambda chosen: merged(*(nested(key, value) for key, value in chosen)))
