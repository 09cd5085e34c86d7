"""The page of the validator's rules, from their catalogue, thresholds and policies."""

import tomllib
from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path

import truscore.validation.policy
from truscore.validation.catalogue import CATALOGUE
from truscore.validation.policy.policy import Policy

from docs.generate.tables import table

HEAD = """# Rules of the validator

Each finding names its rule. One finding of the severity `error` rejects the dataset; `warning` and `info` are reported.
[Validate a dataset](../how-to/validate-a-dataset.md) shows how to read a report and how to change a policy.
"""
POLICIES = Path(truscore.validation.policy.__file__).parent


def page() -> str:
    return "\n".join([HEAD, *_families(), *_policies(), *_thresholds()]) + "\n"


def _families() -> Iterator[str]:
    for family, rules in groupby(sorted(CATALOGUE, key=lambda rule: rule.family), key=lambda rule: rule.family):
        yield f"## {family.value.replace('_', ' ').capitalize()}\n"
        rows = [(f"`{rule.id}`", rule.severity.value, rule.finds, rule.why, rule.mend) for rule in rules]
        yield from (*table(("rule", "severity", "finds", "why it matters", "what to do"), rows), "")


def _policies() -> Iterator[str]:
    yield "## Policies\n"
    yield "Where a category draws its lines otherwise; all else is as below. `--policy FILE` goes before both.\n"
    rows = [
        (path.stem, f"`{section}`", f"`{name}`", str(value))
        for path in sorted(POLICIES.glob("*.toml"))
        for section, values in tomllib.loads(path.read_text(encoding="utf-8")).items()
        for name, value in values.items()
    ]
    yield from (*table(("category", "table", "name", "value"), rows), "")


def _thresholds() -> Iterator[str]:
    yield "## Thresholds\n\nPixel values run from 0 to 255, shares from 0 to 1, lengths are pixels.\n"
    rows = [
        (f"`{field.name}`", f"{field.default:g}" if isinstance(field.default, float) else str(field.default))
        for field in fields(Policy)
        if field.name != "severities"
    ]
    yield from table(("threshold", "default"), rows)
