"""A recipe as JSON text, as a tree of plain values and as flat parameters, and back."""

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from typing import Any, cast, get_type_hints

from truscore.configuration.errors import InvalidConfig
from truscore.configuration.recipe import SAMPLINGS, Recipe

DECIDED_BY_THE_ROW = ("category", "option", "architecture", "primary_metric")


def recipe_to_json(recipe: Recipe) -> str:
    """Canonical text: equal recipes give equal bytes."""
    return json.dumps(as_tree(recipe), sort_keys=True, separators=(",", ":"), allow_nan=False)


def recipe_from_json(source: str | bytes | Mapping[str, Any]) -> Recipe:
    """The recipe that ``recipe_to_json`` wrote, given as text or already parsed."""
    tree = source if isinstance(source, Mapping) else json.loads(source)
    return from_tree(tree)


def flat_parameters(recipe: Recipe) -> dict[str, str]:
    """Every choice as ``section.key`` and text, as experiment trackers list them."""
    return dict(_flat(as_tree(recipe), ""))


def config_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe as a configuration that orders it: every key of the JSON, without what the row decides."""
    return {name: value for name, value in asdict(recipe).items() if name not in DECIDED_BY_THE_ROW}


def flat_values(recipe: Recipe) -> list[tuple[str, Any]]:
    """Every key of the configuration JSON with its value, in the JSON's order."""
    return list(_leaves(config_of(recipe), ""))


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def as_tree(recipe: Recipe) -> dict[str, Any]:
    """Without what came later and asks for nothing, as folds where there are none: recipes of before keep their bytes,
    runs their names."""
    tree = asdict(recipe)
    process, optimization = (tree["hyperparameters"][name] for name in ("training_process", "optimization"))
    if not process["cross_validation_folds"]:
        del process["cross_validation_folds"]
    if optimization["backbone_lr_multiplier"] == 1.0:
        del optimization["backbone_lr_multiplier"]
    if not optimization["find_batch_size"]:
        del optimization["find_batch_size"]
    if tree["sampling"] == SAMPLINGS[0]:
        del tree["sampling"]
    return tree


def from_tree(tree: Mapping[str, Any]) -> Recipe:
    return cast(Recipe, _build(Recipe, tree, "recipe"))


def _build(kind: type[Any], tree: Any, path: str) -> Any:
    names = {field.name for field in fields(kind)}
    # What has a default came with a later release: recipes stored before are read as they were meant.
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if not isinstance(tree, Mapping) or not needed <= set(tree) <= names:
        raise InvalidConfig(path, tree, "an object with exactly the keys " + ", ".join(sorted(names)))
    hints = _hints(cast(Any, kind))
    return kind(**{name: _value(hints[name], tree[name], f"{path}.{name}") for name in tree})


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(cast(type[Any], kind))


def _value(kind: Any, value: Any, path: str) -> Any:
    if is_dataclass(kind):
        return _build(cast(type[Any], kind), value, path)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise InvalidConfig(path, value, f"a value of type {kind.__name__}")
    return value


def _flat(tree: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{name}.")
        else:
            pairs.append((prefix + name, str(value).lower() if isinstance(value, bool) else str(value)))
    return pairs
