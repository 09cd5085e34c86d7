"""Overrides laid over the default recipe; whatever can't be run is refused before any work."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from truscore import catalog
from truscore.catalog import Row
from truscore.catalog.packaged_weights import at_hand
from truscore.configuration.errors import InvalidConfig
from truscore.configuration.recipe import PROFILES, PUBLISHED, Recipe
from truscore.configuration.text import from_tree
from truscore.recipes.accepted_values import RULES, Choice
from truscore.recipes.batch_size import with_words_resolved
from truscore.recipes.combinations import refuse_impossible
from truscore.recipes.templates import TEMPLATES

BASE_KEY = "architecture_config.base_architecture"
LOSS_KEY = "loss_config.primary_loss"
# What these accept depends on the row.
ROW_KEYS = (BASE_KEY, LOSS_KEY)
MOST_LEVELS = 8


def resolve(
    category: str,
    option: str,
    architecture: str = "",
    overrides: Mapping[str, Any] = {},
    *,
    profile: str = "small",
) -> Recipe:
    """The recipe of a row with ``overrides`` (nested, the keys of the configuration JSON) in place of its defaults.

    An empty ``architecture`` is the option's default. Of the profile "published" it is the small recipe where no
    installed package has such weights, and where the order names another network or other weights. Raises InvalidConfig
    naming key, value and what is accepted.
    """
    Choice((*PROFILES, PUBLISHED)).check("profile", profile)
    row = _row(category, option, architecture)
    overrides = with_words_resolved(overrides) if isinstance(overrides, Mapping) else overrides
    # With every key: one that its text leaves out at its default has no effect when that is what is requested for.
    tree = asdict(_default(row, profile, overrides))
    changed = {}
    for key, given in _leaves(overrides):
        value = _checked(row, key, given)
        if _put(tree, key, value) != value:
            changed[key] = value
    resolved = from_tree(tree)
    refuse_impossible(resolved, row, changed)
    return resolved


def primary_metric_of(category: str, option: str, architecture: str) -> str:
    """The metric that the best epoch of a row's runs is chosen by; empty where the row is not known here."""
    try:
        return _default(_row(category, option, architecture), PROFILES[0]).primary_metric
    except InvalidConfig:
        return ""


def published_recipe(row: Row) -> Recipe | None:
    """The row's small recipe on a published body, whether its package is installed or not; None where it has none."""
    template = TEMPLATES.get(row.template)
    make = template.published.get(row.architecture) if template else None
    return make(row.category, row.option, row.architecture) if make else None


def _default(row: Row, profile: str, overrides: Mapping[str, Any] = {}) -> Recipe:
    named = (row.category, row.option, row.architecture)
    if profile == PUBLISHED:
        published = published_recipe(row)
        if published and _is_at_hand(published) and _leaves_network_open(overrides, published):
            return published
        profile = "small"
    if row.category == catalog.EXPERIMENTAL:
        return catalog.plug_in_of(row.bases[0]).recipe(*named, profile)
    return TEMPLATES[row.template].of(profile)(*named)


def _is_at_hand(recipe: Recipe) -> bool:
    return at_hand(recipe.architecture_config.base_architecture, recipe.architecture_config.pretrained_weights)


def _leaves_network_open(overrides: Mapping[str, Any], recipe: Recipe) -> bool:
    """Whether an order says nothing else of the network than the recipe does."""
    requested = overrides.get("architecture_config", {})
    if not isinstance(requested, Mapping):
        return True  # refused where its keys are read
    base, weights = recipe.architecture_config.base_architecture, recipe.architecture_config.pretrained_weights
    if "base_architecture" not in requested:
        return "pretrained_weights" not in requested
    return (requested["base_architecture"], requested.get("pretrained_weights", weights)) == (base, weights)


def _row(category: str, option: str, architecture: str) -> Row:
    Choice(catalog.categories()).check("category", category)
    options = catalog.options(category)
    if not options:
        raise InvalidConfig("category", category, f"{', '.join(catalog.categories()[:-1])}; no plug-in is installed")
    Choice(options).check("option", option)
    rows = catalog.architectures(category, option)
    names = tuple(row.architecture for row in rows)
    name = Choice(names).check("architecture", architecture or names[0])
    row = next(row for row in rows if row.architecture == name)
    if not row.available:
        ready = ", ".join(other.architecture for other in rows if other.available) or "none for this option yet"
        raise InvalidConfig("architecture", name, f"{ready} ({name} is {row.reason})")
    return row


def _checked(row: Row, key: str, value: Any) -> Any:
    if key == BASE_KEY:
        return Choice(row.bases).check(key, value)
    if key == LOSS_KEY:
        return Choice(row.losses).check(key, value)
    return RULES[key].check(key, value)


def _leaves(overrides: Any, path: str = "", level: int = 0) -> Iterator[tuple[str, Any]]:
    if not isinstance(overrides, Mapping) or level > MOST_LEVELS:
        raise InvalidConfig(path or "config", overrides, "an object with the keys " + _keys_under(path))
    for name, value in overrides.items():
        key = f"{path}.{name}" if path else str(name)
        if key in RULES or key in ROW_KEYS:
            yield key, value
        elif _is_section(key):
            yield from _leaves(value, key, level + 1)
        else:
            raise InvalidConfig(key, value, "the keys " + _keys_under(path))


def _is_section(key: str) -> bool:
    return any(known.startswith(key + ".") for known in (*ROW_KEYS, *RULES))


def _keys_under(path: str) -> str:
    prefix = path + "." if path else ""
    known = (*ROW_KEYS, *RULES)
    return ", ".join(dict.fromkeys(key[len(prefix) :].split(".")[0] for key in known if key.startswith(prefix)))


def _put(tree: dict[str, Any], key: str, value: Any) -> Any:
    """What stood there before."""
    *sections, leaf = key.split(".")
    for section in sections:
        tree = tree[section]
    before, tree[leaf] = tree[leaf], value
    return before
