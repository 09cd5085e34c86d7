"""Policies as files: thresholds and severities in TOML, by category and for single datasets.

A file names what differs:

    [thresholds]
    blur_ratio = 2e-4

    [severities]
    "quality.blurred_image" = "error"      # error, warning, info or off
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from truscore.validation.catalogue import BY_ID
from truscore.validation.policy.policy import OFF, Policy
from truscore.validation.rule import Severity

LIMIT_BYTES = 64 * 1024
MOST = 1e9
_WEIGHTS = (*(severity.value for severity in Severity), OFF)
_SHARES = ("_share", "_iou", "_skill", "_chance", "_likeness", "card_aspect")
# Without these, what a rule finds would be lost, or a broken file accepted.
_NEVER_OFF = ("order.", "format.", "image.", "label.malformed", "label.not_finite")


class InvalidPolicy(ValueError):
    """A policy that cannot be followed; names the key, the value and what is accepted."""


def policy_from_toml(text: str, *, base: Policy | None = None) -> Policy:
    """The base, or the default, with what the text changes. Raises InvalidPolicy."""
    base = base or Policy()
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidPolicy(f"not TOML: {error}") from error
    if unknown := sorted(content.keys() - {"thresholds", "severities"}):
        raise InvalidPolicy(f"{unknown[0]!r} is not known; accepted are thresholds and severities")
    tables = {name: content.get(name, {}) for name in ("thresholds", "severities")}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise InvalidPolicy(f"{name} is {table!r:.60}; accepted is a table, [{name}]")
    weights = {**dict(base.severities), **_severities(tables["severities"])}
    changes: dict[str, Any] = {**_thresholds(tables["thresholds"]), "severities": tuple(sorted(weights.items()))}
    return replace(base, **changes)


def policy_for(category: str = "", *, folder: Path | None = None, dataset_id: str = "") -> Policy:
    """The category's policy that ships with the rules, as changed by `<category>.toml` and then by
    `datasets/<dataset_id>.toml` in the folder. Raises InvalidPolicy, naming the file.
    """
    policy = Policy()
    shipped = files("truscore.validation.policy") / f"{category}.toml"
    if category.isidentifier() and shipped.is_file():
        policy = policy_from_toml(shipped.read_text(encoding="utf-8"))
    for name in (category, f"datasets/{dataset_id}") if folder else ():
        path = (folder or Path()) / f"{name}.toml"
        if not name.endswith("/") and name and path.is_file():
            policy = read_policy(path, base=policy)
    return policy


def read_policy(path: Path, *, base: Policy | None = None) -> Policy:
    """The policy in a file. Raises InvalidPolicy, naming the file."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
        if len(content) > LIMIT_BYTES:
            raise InvalidPolicy(f"larger than {LIMIT_BYTES} bytes")
        return policy_from_toml(content.decode("utf-8"), base=base)
    except (OSError, UnicodeDecodeError, InvalidPolicy) as error:
        raise InvalidPolicy(f"policy {path}: {error}") from error


def check_policies(folder: Path) -> None:
    """Read every policy in the folder. Raises InvalidPolicy for the first that cannot be followed."""
    if not folder.is_dir():
        raise InvalidPolicy(f"policies {folder}: no folder; accepted is one of <category>.toml and datasets/<id>.toml")
    for path in sorted((*folder.glob("*.toml"), *folder.glob("datasets/*.toml"))):
        read_policy(path)


def _thresholds(table: Mapping[str, Any]) -> dict[str, int | float]:
    kinds = {field.name: type(field.default) for field in fields(Policy) if field.name != "severities"}
    found: dict[str, int | float] = {}
    for name, value in table.items():
        if name not in kinds:
            raise InvalidPolicy(f"threshold {name!r} is not known; accepted are {', '.join(sorted(kinds))}")
        found[name] = _number(name, value, kinds[name])
    return found


def _number(name: str, value: Any, kind: type) -> int | float:
    most = 1.0 if name.endswith(_SHARES) else MOST
    whole = kind is int
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or not 0 <= value <= most:
        raise InvalidPolicy(
            f"threshold {name} is {value!r:.60}; accepted is a {'whole ' if whole else ''}number from 0 to {most:g}"
        )
    if name in {"thumbnail_px", "findings_per_rule"} and value < 2:
        raise InvalidPolicy(f"threshold {name} is {value}; accepted is a whole number from 2")
    return int(value) if whole else float(value)


def _severities(table: Mapping[str, Any]) -> dict[str, str]:
    for rule, weight in table.items():
        if rule not in BY_ID:
            raise InvalidPolicy(f"rule {rule!r} is not known; accepted are {', '.join(sorted(BY_ID))}")
        accepted = _WEIGHTS if not rule.startswith(_NEVER_OFF) else _WEIGHTS[:1]
        own = BY_ID[rule].severity.value
        if weight not in accepted and weight != own:
            raise InvalidPolicy(
                f"severity of {rule} is {weight!r:.60}; accepted are {', '.join({own: 0, **dict.fromkeys(accepted)})}"
            )
    return dict(table)
