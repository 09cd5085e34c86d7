"""What cannot be searched is named before the first trial."""

from typing import Any

import pytest

from services.hyperparameter_search.refusals import config_fault, refusals
from tests.unit.hyperparameter_search.search_orders import BATCH, RATE, batch, rate, search_order

FIND = "hyperparameters.optimization.find_batch_size"
SPLIT = "split.validation_fraction"
GAMMA = "loss_config.focal_loss_params.gamma"
LOSS = "loss_config.primary_loss"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"parameters": [{"key": "learning_rat", "choices": ["1", "2"]}]}, "learning_rat"),
        ({"parameters": [rate(low=0.1, high=20)]}, "20"),
        ({"parameters": [batch("2", "0")]}, BATCH),
        ({"parameters": [batch("2", '"four"')]}, "'four'"),
        ({"parameters": [batch("2")]}, "2 to 64"),
        ({"parameters": [batch("2", "two")]}, "JSON text"),
        ({"parameters": [rate(), rate()]}, "more than once"),
        ({"parameters": [{"key": RATE}]}, "float_range, int_range and choices"),
        ({"parameters": [{"key": RATE, "floatRange": {"low": 0, "high": 1, "log": True}}]}, "low above 0"),
        ({"parameters": [{"key": BATCH, "intRange": {"low": 8, "high": 2}}]}, "low below high"),
        ({"parameters": [{"key": BATCH, "floatRange": {"low": 2, "high": 4}}]}, "whole number"),
        ({"parameters": [batch("2", '"auto"')]}, "'auto' is no choice of a search"),
        ({"parameters": [batch(), {"key": FIND, "choices": ["true", "false"]}]}, f"{BATCH} is searched beside {FIND}"),
        ({"sampler": "genetic"}, "tpe, cma_es, random"),
        ({"sampler": "cma_es"}, "two or more ranges"),
        ({"pruning": {"pruner": "median"}}, "none, successive_halving, hyperband"),
        ({"pruning": {"pruner": "hyperband", "reductionFactor": 1}}, "reduction_factor 1"),
        ({"objectives": [{"metric": "box_AP"}, {"metric": "mask_AP"}]}, "latency_ms"),
        ({"objectives": [{"direction": "up"}]}, "maximize, minimize"),
        ({"pruning": {"pruner": "hyperband"}, "objectives": [{}, {"metric": "latency_ms"}]}, "one objective"),
        ({"bounds": {"trials": 20_000}}, "1 to 10000"),
        ({"bounds": {"durationS": "NaN"}}, "duration_s nan"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_accepted(spec: dict[str, Any], said: str) -> None:
    found = refusals(search_order(**spec))
    assert said in " | ".join(each.message for each in found)


def test_a_name_that_is_no_part_of_a_request_id_is_refused() -> None:
    assert [each.location for each in refusals(search_order("a/b"))] == ["search_id"]


def test_whether_a_batch_is_found_may_be_searched() -> None:
    assert refusals(search_order(parameters=[rate(), {"key": FIND, "choices": ["true", "false"]}])) == []


def test_an_order_that_no_trainer_can_carry_out_is_refused_for_what_is_not_searched() -> None:
    order = search_order(parameters=[{"key": SPLIT, "floatRange": {"low": 0.1, "high": 0.2}}])
    assert refusals(order) == []
    impossible = search_order()
    object.__setattr__(impossible, "option", "triple_class")
    assert [each.location for each in refusals(impossible)] == ["order"]


def test_a_value_that_only_some_choice_of_another_key_takes_may_be_searched() -> None:
    """A focal loss's exponent has no effect on other losses, and is refused with them."""
    gamma = {"key": GAMMA, "floatRange": {"low": 1, "high": 3}}
    losses = {"key": LOSS, "choices": ['"cross_entropy"', '"focal_loss"']}
    alone, both = search_order(parameters=[gamma]), search_order(parameters=[gamma, losses])
    assert [each.location for each in refusals(alone)] == [GAMMA]
    assert refusals(both) == []
    assert config_fault(both, {GAMMA: 2.5, LOSS: "cross_entropy"})
    assert not config_fault(both, {GAMMA: 2.5, LOSS: "focal_loss"})
