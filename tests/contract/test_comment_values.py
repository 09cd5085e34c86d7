"""Comments of the contract that list values list those that the code accepts, all of them and in their order."""

import re
from pathlib import Path

import pytest
from truscore.catalog.tasks import TASKS
from truscore.datasets import FORMATS
from truscore.recipes.accepted_values import RULES, Choice
from truscore.validation import BY_ID, Severity

from services.dataset_validator.progress import STAGES

PROTO = Path(__file__).parents[2] / "proto" / "truscore" / "events" / "v1"
LOSSES = tuple(dict.fromkeys(loss for task in TASKS.values() for loss in task.losses))
CHOICES = {key.rsplit(".", 1)[-1]: list(rule.values) for key, rule in RULES.items() if isinstance(rule, Choice)}


def listed(file: str, field: str) -> list[str]:
    """Values in quotes in the comment above a field."""
    text = (PROTO / file).read_text()
    found = re.search(rf"((?:  //[^\n]*\n)+)  (?:optional )?string {field} = ", text)
    assert found, f"{file} has no commented string field {field}"
    return re.findall(r'"([a-z0-9_.]+)"', found[1])


@pytest.mark.parametrize("field", sorted(CHOICES))
def test_the_comment_on_a_choice_lists_what_is_accepted(field: str) -> None:
    assert listed("training.proto", field) == CHOICES[field]


def test_the_comment_on_the_loss_lists_the_losses_of_all_tasks() -> None:
    assert sorted(listed("training.proto", "primary_loss")) == sorted(LOSSES)


def test_the_comment_on_a_findings_severity_lists_them_all() -> None:
    assert listed("dataset.proto", "severity") == [severity.value for severity in Severity]


def test_the_comment_on_the_stage_of_a_validation_lists_them_all() -> None:
    assert listed("dataset.proto", "stage") == list(STAGES)


def test_examples_of_rules_and_formats_are_some_that_there_are() -> None:
    (rule,) = listed("dataset.proto", "rule")
    assert rule in BY_ID
    examples = listed("dataset.proto", "format")
    assert examples
    assert set(examples) <= FORMATS.keys()
