"""The configuration of the mission, as it stands: on the wire, typed, set key by key, and from a file."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from truscore.configuration.text import as_tree
from truscore.events.v1.training_pb2 import TrainingConfig
from truscore.recipes import resolve
from truscore.recipes.accepted_values import RULES
from truscore.recipes.resolve import ROW_KEYS
from truscore.validation import DatasetOrder

from services.cli.handlers.publish import ready_of
from services.cli.inputs.order_builder import read_config, read_settings_typed, refuse
from services.dataset_validator import handlers as validator
from services.trainer.handlers import consume as trainer
from tests.unit.recipes.test_recipes_resolve import MISSION

READERS = {"trainer": trainer.overrides_of, "validator": validator.overrides_of}


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, value in tree.items():
        found |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def resolved(overrides: Any) -> dict[str, Any]:
    tree = as_tree(resolve("border_detection", "dual_class", "mask_rcnn", overrides))
    return {key: tree[key] for key in MISSION}


@pytest.mark.parametrize("service", READERS)
def test_the_json_crosses_the_wire_and_is_consumed_as_it_was_published(service: str) -> None:
    body = json_format.Parse(json.dumps(MISSION), TrainingConfig()).SerializeToString()
    received = READERS[service](TrainingConfig.FromString(body))
    assert received == MISSION
    assert resolved(received) == MISSION


def test_the_contract_has_every_key_of_the_recipes_and_no_other() -> None:
    def fields(descriptor: Any, prefix: str = "") -> set[str]:
        found = set()
        for field in descriptor.fields:
            inner = field.message_type
            found |= fields(inner, f"{prefix}{field.name}.") if inner else {prefix + field.name}
        return found

    assert fields(TrainingConfig.DESCRIPTOR) == {*RULES, *ROW_KEYS}


def test_the_command_line_takes_it_typed_from_a_file_and_key_by_key(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(MISSION, indent=2))
    one_by_one = [f"{key}={json.dumps(value)}" for key, value in leaves(MISSION).items()]
    for overrides in (read_config(str(file)), read_config(json.dumps(MISSION)), read_settings_typed(one_by_one)):
        order = DatasetOrder(
            dataset_id="cards", version="1", uri="s3://truscore/datasets/cards/1/", category="border_detection",
            option="dual_class", architecture="mask_rcnn", overrides=overrides,
        )  # fmt: skip
        refuse(order)
        assert resolved(trainer.overrides_of(ready_of(order).training.config)) == MISSION
