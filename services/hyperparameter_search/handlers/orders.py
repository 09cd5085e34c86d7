"""SearchOrdered as plain values with every default filled in, and its spec as a message again."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.message import Message
from truscore.catalog.purpose import larger_is_better
from truscore.events.v1 import search_pb2
from truscore.events.v1.search_pb2 import SearchObjective, SearchOrdered, SearchSpec
from truscore.recipes import primary_metric_of

from services.hyperparameter_search.spec import (
    DEFAULT_TRIALS,
    LATENCY,
    MAXIMIZE,
    MINIMIZE,
    REDUCTION_FACTORS,
    Bounds,
    Choices,
    Domain,
    FloatRange,
    IntRange,
    Objective,
    Parameter,
    Pruning,
    SearchOrder,
    Spec,
    Unclear,
    Value,
)

MOST_CHOICE_CHARS = 1000


def order_of(ordered: SearchOrdered, event_id: str) -> SearchOrder:
    """The order as plain values."""
    dataset, training = ordered.order, ordered.order.training
    metric = primary_metric_of(dataset.category, dataset.option, training.architecture)
    return SearchOrder(
        search_id=ordered.search_id,
        dataset_id=dataset.dataset_id,
        version=dataset.version,
        category=dataset.category,
        option=dataset.option,
        architecture=training.architecture,
        overrides=tree_of(training.config),
        export_formats=tuple(dataset.export_formats),
        spec=spec_of(ordered.spec, metric),
        wire=ordered.SerializeToString(deterministic=True),
        event_id=event_id,
    )


def spec_of(wire: SearchSpec, primary_metric: str) -> Spec:
    pruner = wire.pruning.pruner or "none"
    return Spec(
        parameters=tuple(Parameter(key=each.key, domain=_domain(each)) for each in wire.parameters),
        objectives=tuple(_objective(each, primary_metric) for each in wire.objectives or [SearchObjective()]),
        sampler=wire.sampler or "tpe",
        pruning=Pruning(
            pruner=pruner,
            min_epochs=wire.pruning.min_epochs or 1,
            reduction_factor=wire.pruning.reduction_factor or REDUCTION_FACTORS.get(pruner, 0),
        ),
        bounds=Bounds(
            trials=wire.bounds.trials or DEFAULT_TRIALS,
            parallel_trials=wire.bounds.parallel_trials or 1,
            duration_s=wire.bounds.duration_s,
            images=wire.bounds.images,
        ),
        seed=wire.seed,
    )


def message_of_spec(spec: Spec) -> SearchSpec:
    """The spec as it is announced."""
    wire = SearchSpec(
        objectives=[SearchObjective(metric=each.metric, direction=each.direction) for each in spec.objectives],
        sampler=spec.sampler,
        pruning=search_pb2.PruningSpec(
            pruner=spec.pruning.pruner,
            min_epochs=spec.pruning.min_epochs,
            reduction_factor=spec.pruning.reduction_factor,
        ),
        bounds=search_pb2.SearchBounds(
            trials=spec.bounds.trials,
            parallel_trials=spec.bounds.parallel_trials,
            duration_s=spec.bounds.duration_s,
            images=spec.bounds.images,
        ),
        seed=spec.seed,
    )
    for parameter in spec.parameters:
        part = wire.parameters.add(key=parameter.key)
        match parameter.domain:
            case FloatRange(low=low, high=high, log=log):
                part.float_range.CopyFrom(search_pb2.FloatRange(low=low, high=high, log=log))
            case IntRange(low=low, high=high, log=log, step=step):
                part.int_range.CopyFrom(search_pb2.IntRange(low=low, high=high, log=log, step=step))
            case Choices(values=values):
                part.choices.extend(json.dumps(value) for value in values)
    return wire


def tree_of(config: Message) -> dict[str, Any]:
    """What the configuration sets, as nested plain values under the keys of the configuration JSON."""
    return {field.name: tree_of(value) if isinstance(value, Message) else value for field, value in config.ListFields()}


def _domain(part: search_pb2.SearchParameter) -> Domain:
    stated = [name for name in ("float_range", "int_range") if part.HasField(name)]
    stated += ["choices"] if part.choices else []
    if len(stated) != 1:
        found = " and ".join(stated) or "nothing"
        return Unclear(fault=f"{found} is stated; accepted: one of float_range, int_range and choices")
    if stated == ["float_range"]:
        return FloatRange(low=part.float_range.low, high=part.float_range.high, log=part.float_range.log)
    if stated == ["int_range"]:
        whole = part.int_range
        return IntRange(low=whole.low, high=whole.high, log=whole.log, step=whole.step or 1)
    values = [_choice(text) for text in part.choices]
    if None in values:
        text = part.choices[values.index(None)]
        accepted = "JSON text of a number, a text in quotes, true or false"
        return Unclear(fault=f"choice {text[:100]!r}; accepted: {accepted}")
    return Choices(values=tuple(value for value in values if value is not None))


def _choice(text: str) -> Value | None:
    try:
        value = json.loads(text) if len(text) <= MOST_CHOICE_CHARS else None
    except ValueError:
        return None
    return value if isinstance(value, float | int | str | bool) else None


def _objective(part: SearchObjective, primary_metric: str) -> Objective:
    if not part.metric:
        # What the option's models are for, in its own direction: an error is to be small.
        usual = MAXIMIZE if larger_is_better(primary_metric) else MINIMIZE
        return Objective(metric=primary_metric, direction=part.direction or usual)
    return Objective(metric=part.metric, direction=part.direction or (MINIMIZE if part.metric == LATENCY else MAXIMIZE))


def order_of_wire(wire: bytes, event_id: str) -> SearchOrder:
    """The order that was stored."""
    return order_of(SearchOrdered.FromString(wire), event_id)
