"""Why a search cannot be carried out, decided from its own words before the first trial. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from truscore.configuration.recipe import PROFILES
from truscore.recipes import InvalidConfig, resolve
from truscore.recipes.batch_size import AUTO

from services.hyperparameter_search.spec import (
    LATENCY,
    MAXIMIZE,
    MINIMIZE,
    PRUNERS,
    SAMPLERS,
    Choices,
    FloatRange,
    IntRange,
    Parameter,
    SearchOrder,
    Spec,
    Unclear,
    Value,
    nested,
    overlaid,
)

SEARCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
BATCH_KEY = "hyperparameters.optimization.batch_size"
FIND_KEY = "hyperparameters.optimization.find_batch_size"
MOST_PARAMETERS = 32
MOST_CHOICES = 64
MOST_TRIALS = 10_000
MOST_PARALLEL = 256
MOST_OBJECTIVES = 2
# A value may be accepted only together with a choice of another key; so many of their combinations are tried.
MOST_COMBINATIONS = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """`location` is the part of the order at fault."""

    rule: str
    location: str
    message: str


def refusals(order: SearchOrder) -> list[Refusal]:
    """Everything at fault; empty where the search can begin."""
    found = [*_name(order), *_parameters(order.spec), *_objectives(order.spec), *_engine(order.spec)]
    found += _found_batch(order)
    return found or list(_recipe(order))


def _name(order: SearchOrder) -> Iterator[Refusal]:
    if not SEARCH_ID.fullmatch(order.search_id):
        accepted = 'accepted are 1 to 64 letters, digits, "_" and "-", beginning with a letter or digit'
        message = f"search_id {order.search_id[:100]!r}: {accepted}"
        yield Refusal(rule="search.search_id", location="search_id", message=message)


def _parameters(spec: Spec) -> Iterator[Refusal]:
    if not 1 <= len(spec.parameters) <= MOST_PARAMETERS:
        message = f"{len(spec.parameters)} parameters: accepted are 1 to {MOST_PARAMETERS}"
        yield Refusal(rule="search.parameters", location="spec.parameters", message=message)
    keys = [parameter.key for parameter in spec.parameters]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield Refusal(rule="search.parameters", location=key, message=f"{key} is searched more than once")
    for parameter in spec.parameters:
        if fault := _domain_fault(parameter):
            yield Refusal(rule="search.domain", location=parameter.key, message=f"{parameter.key}: {fault}")


def _domain_fault(parameter: Parameter) -> str:
    match parameter.domain:
        case Unclear(fault=fault):
            return fault
        case Choices(values=values):
            return _choices_fault(values)
        case FloatRange() as numbers:
            return _float_fault(numbers)
        case IntRange() as numbers:
            return _int_fault(numbers)


def _choices_fault(values: tuple[Value, ...]) -> str:
    distinct = len({(type(value), value) for value in values})
    if 2 <= len(values) <= MOST_CHOICES and distinct == len(values):
        return ""
    return f"{len(values)} choices, {distinct} of them distinct; accepted: 2 to {MOST_CHOICES}, each once"


def _float_fault(numbers: FloatRange) -> str:
    low, high = numbers.low, numbers.high
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return f"from {low:g} to {high:g}; accepted: two finite numbers, low below high"
    return f"from {low:g} with log; accepted: low above 0" if numbers.log and low <= 0 else ""


def _int_fault(whole: IntRange) -> str:
    if whole.low >= whole.high:
        return f"from {whole.low} to {whole.high}; accepted: low below high"
    if whole.log and (whole.low < 1 or whole.step > 1):
        return f"from {whole.low} by steps of {whole.step} with log; accepted: low above 0 and no step"
    return ""


def _objectives(spec: Spec) -> Iterator[Refusal]:
    names = [objective.metric for objective in spec.objectives]
    if not 1 <= len(names) <= MOST_OBJECTIVES or len(set(names)) < len(names):
        message = f"objectives {', '.join(names)}: accepted are one, or a quality and {LATENCY}"
        yield Refusal(rule="search.objectives", location="spec.objectives", message=message)
    elif len(names) > 1 and (LATENCY not in names or names[0] == LATENCY):
        message = f"objectives {', '.join(names)}: accepted as two are a quality, then {LATENCY}"
        yield Refusal(rule="search.objectives", location="spec.objectives", message=message)
    for objective in spec.objectives:
        if objective.direction not in (MAXIMIZE, MINIMIZE):
            message = f"direction {objective.direction[:64]!r} of {objective.metric}: accepted: {MAXIMIZE}, {MINIMIZE}"
            yield Refusal(rule="search.objectives", location="spec.objectives", message=message)


def _engine(spec: Spec) -> Iterator[Refusal]:
    for name, value, accepted in (
        ("spec.sampler", spec.sampler, SAMPLERS),
        ("spec.pruning.pruner", spec.pruning.pruner, PRUNERS),
    ):
        if value not in accepted:
            message = f"{name} {value[:64]!r}: accepted are {', '.join(accepted)}"
            yield Refusal(rule=name.replace("spec", "search", 1), location=name, message=message)
    ranges = [each for each in spec.parameters if not isinstance(each.domain, Choices)]
    if spec.sampler == "cma_es" and (len(ranges) < len(spec.parameters) or len(ranges) < 2 or len(spec.objectives) > 1):
        message = "sampler 'cma_es' takes two or more ranges, no choices, and one objective: accepted for others is tpe"
        yield Refusal(rule="search.sampler", location="spec.sampler", message=message)
    pruned = spec.pruning.pruner != "none"
    if pruned and (len(spec.objectives) > 1 or any(objective.metric == LATENCY for objective in spec.objectives)):
        message = f"pruner {spec.pruning.pruner!r} needs one objective that each epoch reports: accepted is none"
        yield Refusal(rule="search.pruning", location="spec.pruning.pruner", message=message)
    if pruned and not (1 <= spec.pruning.min_epochs <= 10_000 and 2 <= spec.pruning.reduction_factor <= 100):
        message = (
            f"min_epochs {spec.pruning.min_epochs}, reduction_factor {spec.pruning.reduction_factor}: "
            "accepted are 1 to 10000 and 2 to 100"
        )
        yield Refusal(rule="search.pruning", location="spec.pruning", message=message)
    yield from _bounds(spec)


def _bounds(spec: Spec) -> Iterator[Refusal]:
    bounds = spec.bounds
    for name, value, most in (
        ("trials", bounds.trials, MOST_TRIALS),
        ("parallel_trials", bounds.parallel_trials, MOST_PARALLEL),
    ):
        if not 1 <= value <= most:
            message = f"{name} {value}: accepted are 1 to {most}"
            yield Refusal(rule="search.bounds", location=f"spec.bounds.{name}", message=message)
    if not (math.isfinite(bounds.duration_s) and bounds.duration_s >= 0):
        message = f"duration_s {bounds.duration_s}: accepted are 0 for no bound, or seconds above 0"
        yield Refusal(rule="search.bounds", location="spec.bounds.duration_s", message=message)


def _found_batch(order: SearchOrder) -> Iterator[Refusal]:
    """A batch is searched or found by each trial; both at once would only move the rate."""
    searched = {parameter.key: parameter.domain for parameter in order.spec.parameters}
    if BATCH_KEY not in searched:
        return
    domain = searched[BATCH_KEY]
    if isinstance(domain, Choices) and AUTO in domain.values:
        accepted = f"accepted are numbers; true as a choice of {FIND_KEY} has a trial find its batch"
        message = f"{BATCH_KEY}: {AUTO!r} is no choice of a search; {accepted}"
        yield Refusal(rule="search.domain", location=BATCH_KEY, message=message)
    optimization = order.overrides.get("hyperparameters", {}).get("optimization", {})
    if FIND_KEY in searched or optimization.get("find_batch_size"):
        message = f"{BATCH_KEY} is searched beside {FIND_KEY}, which finds it; accepted: one of the two"
        yield Refusal(rule="search.parameters", location=BATCH_KEY, message=message)


def _recipe(order: SearchOrder) -> Iterator[Refusal]:
    """What no trainer accepts: first of what is not searched, then of each value at the ends of the space."""
    if fault := config_fault(order, {}):
        yield Refusal(rule="search.order", location="order", message=fault)
        return
    companions = _combinations(order.spec)
    for parameter in order.spec.parameters:
        for value in _ends(parameter):
            alone = config_fault(order, {parameter.key: value})
            if alone and all(config_fault(order, {**others, parameter.key: value}) for others in companions):
                yield Refusal(rule="search.domain", location=parameter.key, message=alone)
                break


def config_fault(order: SearchOrder, values: Mapping[str, Value]) -> str:
    """Why no trainer can train with these values; empty where one can."""
    try:
        overrides: Mapping[str, Any] = overlaid(order.overrides, nested(values))
    except AttributeError:
        return f"{', '.join(values)}: a key lies below another that has a value"
    faults = []
    for profile in PROFILES:
        try:
            resolve(order.category, order.option, order.architecture, overrides, profile=profile)
        except InvalidConfig as refusal:
            faults.append(str(refusal))
    return faults[0] if len(faults) == len(PROFILES) else ""


def _combinations(spec: Spec) -> list[dict[str, Value]]:
    chosen = [each for each in spec.parameters if isinstance(each.domain, Choices)]
    keys = [each.key for each in chosen]
    every = product(*(_ends(each) for each in chosen))
    return [dict(zip(keys, values, strict=True)) for values in islice(every, MOST_COMBINATIONS)]


def _ends(parameter: Parameter) -> tuple[Value, ...]:
    match parameter.domain:
        case Choices(values=values):
            return values
        case FloatRange(low=low, high=high) | IntRange(low=low, high=high):
            return low, high
        case Unclear():
            return ()
