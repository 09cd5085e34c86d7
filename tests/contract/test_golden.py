import json

import pytest
from google.protobuf import json_format
from truscore.bus import TOPOLOGY
from truscore.bus.topology import Row

from tests.contract.golden import FIELDS, FOLDER, as_json, field_table, specimen

each_row = pytest.mark.parametrize("row", TOPOLOGY, ids=lambda row: row.routing_key)


@each_row
def test_bytes_of_old_say_what_they_always_meant(row: Row) -> None:
    message = row.message.FromString((FOLDER / f"{row.descriptor.name}.bin").read_bytes())
    assert as_json(message) == (FOLDER / f"{row.descriptor.name}.json").read_text()


@each_row
def test_the_same_words_make_the_same_bytes(row: Row) -> None:
    message = json_format.Parse((FOLDER / f"{row.descriptor.name}.json").read_text(), row.message())
    golden = (FOLDER / f"{row.descriptor.name}.bin").read_bytes()
    assert message.SerializeToString(deterministic=True) == golden


@each_row
def test_a_specimen_has_every_field_set(row: Row) -> None:
    message = specimen(row.message)
    assert {field.name for field, _ in message.ListFields()} == {field.name for field in row.descriptor.fields}


def test_no_file_is_golden_for_a_message_that_nobody_says() -> None:
    assert {path.stem for path in FOLDER.glob("*.bin")} == {row.descriptor.name for row in TOPOLOGY}


def test_no_field_ever_changes_its_number_or_type() -> None:
    now = field_table()
    for message, fields in json.loads(FIELDS.read_text()).items():
        for name, shape in fields.items():
            assert now[message].get(name) == shape, f"{message}.{name} was {shape}"


def test_every_field_is_on_record() -> None:
    assert json.loads(FIELDS.read_text()) == field_table(), "run: python -m tests.contract.golden"
