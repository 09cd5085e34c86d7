"""What was typed, as an order. Pure but for the configuration's file, which is read here."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.cli.context import CliError, Code

if TYPE_CHECKING:
    from truscore.validation import DatasetOrder

CONFIG_LIMIT_BYTES = 1 << 20
PROFILES = ("small", "full")


def dataset_name(source: str) -> str:
    """A dataset id made of the last part of a path or address."""
    last = source.rstrip("/").rpartition("/")[2]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-._")[:128]
    if not name:
        raise CliError(Code.USAGE, f"no dataset id can be made of {source!r}: give one with --id")
    return name


def read_config(text: str) -> Mapping[str, Any]:
    """JSON as typed, or the file that is named. CliError saying which and where it is wrong."""
    if not text:
        return {}
    source, content = ("--config", text) if text.lstrip().startswith("{") else (text, _content(Path(text)))
    try:
        config = json.loads(content)
    except ValueError as error:
        raise CliError(Code.USAGE, f"{source} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise CliError(Code.USAGE, f"{source} holds {type(config).__name__}; accepted: a JSON object")
    return config


def read_settings_typed(typed: Sequence[str]) -> Mapping[str, Any]:
    """`key=value` pairs, keys with dots, values as JSON or as words. CliError naming the pair."""
    tree: dict[str, Any] = {}
    for pair in typed:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise CliError(Code.USAGE, f"--set {pair!r}; accepted: KEY=VALUE, for example seed=7")
        *sections, leaf = key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise CliError(Code.USAGE, f"--set {pair!r}: {section} has a value already; accepted: one of the two")
        place[leaf] = _value(value)
    return tree


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def merged(*trees: Mapping[str, Any]) -> dict[str, Any]:
    """The later before the earlier, key by key."""
    both: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            before = both.get(key, {})
            both[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, Mapping) else value
    return both


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is to be trained."""

    category: str
    option: str
    architecture: str
    overrides: Mapping[str, Any]


def wanted(template: str, *, category: str, option: str, architecture: str, overrides: Mapping[str, Any]) -> Wanted:
    """The template, where one is named, with what was typed before it. CliError where the two don't meet."""
    if not template:
        for name, value in (("--category", category), ("--option", option)):
            if not value:
                raise CliError(Code.USAGE, f"{name} is missing; accepted: what `truscore catalog` lists, or --template")
        return Wanted(category=category, option=option, architecture=architecture, overrides=overrides)
    from truscore.recipes import InvalidConfig
    from truscore.recipes.batch_size import with_words_resolved
    from truscore.recipes.phoenix import template_named

    try:
        found = template_named(template)
    except InvalidConfig as refusal:
        raise CliError(Code.USAGE, f"--{refusal}") from refusal
    for name, typed in (("category", category), ("option", option), ("architecture", architecture)):
        if typed and typed != (its := getattr(found, name)):
            raise CliError(Code.USAGE, f"--{name} {typed!r}: {template} is for {its!r}; accepted: that, or none")
    return Wanted(
        category=found.category,
        option=found.option,
        architecture=found.architecture,
        overrides=merged(found.config, with_words_resolved(overrides)),
    )


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_LIMIT_BYTES + 1)
        if len(content) > CONFIG_LIMIT_BYTES:
            raise CliError(Code.USAGE, f"--config {path}: larger than {CONFIG_LIMIT_BYTES} bytes")
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(Code.USAGE, f"--config {path}: {error}; accepted: a JSON file or JSON as such") from error


def refuse(order: "DatasetOrder") -> None:
    """CliError with every reason that no trainer could carry the order out, before any upload."""
    from truscore.validation import check_order

    by_profile: Sequence[Sequence[Any]] = [check_order(order, profile=profile) for profile in PROFILES]
    # Some trainer of the fleet may be able to: only what all profiles refuse is refused here.
    if all(by_profile):
        raise CliError(Code.USAGE, "; ".join(found.message for found in by_profile[0]))
