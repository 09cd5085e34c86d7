"""The suite of planted faults, in small: each rule finds its own in rendered cards and leaves clean sets alone."""

import pytest
from truscore.validation import CATALOGUE

from tests.planted_faults.samples import Pool
from tests.planted_faults.scoring import ALL, DOUBTS, Suite

TRIALS, CLEAN_SETS, RENDERED = 2, 1, 56


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    pool = Pool.rendered(tmp_path_factory.mktemp("cards"), count=RENDERED, seed=7)
    return Suite.of(pool, clean_sets=CLEAN_SETS)


@pytest.mark.parametrize("rule", sorted(ALL))
def test_a_rule_finds_what_is_planted_and_nothing_else(rule: str, suite: Suite) -> None:
    score = suite.score(rule, trials=TRIALS)
    assert score.found == score.planted
    assert score.false_alarms <= 0.01


def test_every_rule_of_the_catalogue_is_in_the_suite() -> None:
    assert {rule.id for rule in CATALOGUE} == {*ALL, *DOUBTS}
    assert len(ALL) == len(set(ALL)) >= 45
