"""What a form of a training can begin with, beside the trainer's own recipe: each value with its reason. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from truscore.catalog.packaged_weights import installed_weights
from truscore.recipes.accepted_values import RULES
from truscore.recipes.phoenix import Template, templates
from truscore.recipes.resolve import BASE_KEY, LOSS_KEY
from truscore.recipes.suggest import suggest
from truscore.recipes.suggestion import Choice, Facts, Hardware

from services.studio.drafts.dataset import Draft


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """Values and reasons by dotted key; `words` says where they come from."""

    values: Mapping[str, Any]
    reasons: Mapping[str, str]
    words: str


def templates_of(draft: Draft) -> tuple[Template, ...]:
    """That train what the draft is made for."""
    row = (draft.category, draft.option, draft.architecture)
    return tuple(each for each in templates() if (each.category, each.option, each.architecture) == row)


def of_template(template: Template) -> Beginning:
    values, reasons = _chosen(template.choices)
    return Beginning(values=values, reasons=reasons, words=f"what TruScore trains for production: {template.name}")


def of_suggestion(
    draft: Draft, facts: Facts, hardware: Hardware, *, weights: Collection[str] | None, host: str
) -> Beginning:
    """For these images on this machine. `weights`: keys under pretrained/ in the store. Raises InvalidConfig."""
    found = suggest(
        draft.category,
        draft.option,
        facts,
        hardware,
        architecture=draft.architecture,
        weights=weights,
        packaged=installed_weights(),
    )
    values, reasons = _chosen(found.choices)
    machine = f"{hardware.cpu_cores} cores, {hardware.free_bytes / 2**30:.0f} GiB"
    gpus = f", {len(hardware.gpus)} × {hardware.gpus[0].name}" if hardware.gpus else ", no GPU"
    where = f" ({host})" if host else ""
    return Beginning(
        values=values, reasons=reasons, words=f"for the draft's images as they are now, on {machine}{gpus}{where}"
    )


def of_configuration(tree: Mapping[str, Any], run_id: str) -> Beginning:
    """The resolved configuration of another run, to be ordered once more."""
    values = {key: value for key, value in _flat(tree) if _is_key(key)}
    return Beginning(values=values, reasons={}, words=f"the configuration of run {run_id}")


def _chosen(choices: Collection[Choice]) -> tuple[dict[str, Any], dict[str, str]]:
    kept = [each for each in choices if _is_key(each.key)]
    return {each.key: each.value for each in kept}, {each.key: each.reason for each in kept}


def _is_key(key: str) -> bool:
    return key in RULES or key in (BASE_KEY, LOSS_KEY)


def _flat(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
