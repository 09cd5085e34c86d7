"""Which version of a model is its champion and which its challenger: what may be promoted, and the rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from truscore.catalog.purpose import larger_is_better
from truscore.releases.aliases import ALIASES

from services.experiment_tracker.facts import Exported
from services.experiment_tracker.record import FIT_FOR_USE, FIT_REASON, MODEL, Recorded


class ChampionRule(StrEnum):
    """Who makes a champion: people alone, or also a version that is better by more than chance."""

    HAND = "hand"
    BETTER = "better"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What somebody asked for."""

    model: str
    version: str
    alias: str
    forced: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    code: str
    message: str


def run_of_version(version: str) -> str:
    """A version is a run, or a run and formats that were made later: "run-1.onnx.quantized"."""
    return version.partition(".")[0]


def refusal_of(order: Order, record: Recorded | None) -> Refusal | None:
    """Why the version can't have the alias; None where it can. `record`: the run that the version names."""
    named = f"{order.model}/{order.version}"
    if order.alias not in ALIASES:
        return Refusal(code="unknown_alias", message=f"alias {order.alias!r}; accepted are {', '.join(ALIASES)}")
    if record is None or record.tags.get(MODEL) != order.model:
        has = record.tags.get(MODEL) if record else None
        of_run = f"its run has the model {has!r}" if has else "no run on record has exported it"
        return Refusal(code="unknown_version", message=f"{named} is not on record: {of_run}")
    fit = record.tags.get(FIT_FOR_USE, "")
    if fit != "true" and not order.forced:
        why = record.tags.get(FIT_REASON) or "its run made no comparison with trivial predictors"
        return Refusal(
            code="not_fit_for_use",
            message=f"{named} is not known to be fit for use ({why}); accepted is a version that is, or forced",
        )
    return None


def better_than(exported: Exported, champion: Recorded | None) -> str | None:
    """Why a version that is fit for use replaces the champion; None where it doesn't.

    The interval of its first metric has to lie beyond the champion's, on the same dataset."""
    if champion is None:
        return "there was no champion"
    dataset = f"{exported.dataset_id}/{exported.dataset_version}"
    before = "/".join(champion.tags.get(f"truscore.dataset_{part}", "") for part in ("id", "version"))
    metrics = exported.trivial_comparison.purpose_metrics[:1] or tuple(
        interval.metric for interval in exported.trivial_comparison.intervals[:1]
    )
    mine = {each.metric: each for each in exported.trivial_comparison.intervals}.get(metrics[0] if metrics else "")
    if mine is None or dataset != before:
        return None
    name = mine.metric
    lower, upper = (champion.metrics.get(f"interval.{name}.{end}") for end in ("lower", "upper"))
    if lower is None or upper is None:
        return None
    better = mine.lower > upper if larger_is_better(name) else mine.upper < lower
    figures = f"{name} {mine.lower:.4g} to {mine.upper:.4g} on {dataset}, the champion's is {lower:.4g} to {upper:.4g}"
    return figures if better else None
