import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from truscore.bus import TOPOLOGY
from truscore.bus.asyncapi.document import document, read_comments
from truscore.bus.topology import Row

from tests.contract.golden import FOLDER

DOCUMENT = Path(__file__).parents[2] / "docs" / "asyncapi.json"


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return loaded


def test_the_published_document_is_the_contract_as_it_stands(published: dict[str, Any]) -> None:
    assert published == document(read_comments()), "run: python -m truscore.bus.asyncapi > docs/asyncapi.json"


@pytest.mark.parametrize("row", TOPOLOGY, ids=lambda row: row.routing_key)
def test_golden_messages_fit_the_published_payload_schemas(row: Row, published: dict[str, Any]) -> None:
    payload = {"$ref": f"#/components/schemas/{row.descriptor.name}", "components": published["components"]}
    golden = json.loads((FOLDER / f"{row.descriptor.name}.json").read_text())
    Draft202012Validator(payload).validate(golden)
    assert not Draft202012Validator(payload).is_valid({**golden, "no_such_field": 1})


def test_every_reference_leads_somewhere(published: dict[str, Any]) -> None:
    for reference in _references(published):
        place: Any = published
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_every_field_of_the_document_says_its_meaning(published: dict[str, Any]) -> None:
    schemas = published["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        if name != "Headers"
        for field, shape in schema["properties"].items()
        if not shape.get("description")
    ]
    assert silent == []


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
