"""The bill of what the serving folder runs on, by the schema that CycloneDX publishes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from services.exporter.packaging import sbom


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return sbom.bill(sbom.requirements(), name="border_detection.dual_class.mask_rcnn", version="run-1")


def fault(bill: dict[str, Any]) -> Any:
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill))


def test_the_bill_is_valid_by_the_published_schema(bill: dict[str, Any]) -> None:
    assert fault(bill) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bill: bill["components"][0].pop("name"),
        lambda bill: bill["components"][0].update(licenses=["MIT"]),
        lambda bill: bill["components"][0].update(colour="red"),
        lambda bill: bill["components"].append(bill["components"][0]),
        lambda bill: bill.update(serialNumber="urn:uuid:1"),
    ],
)
def test_the_schema_refuses_what_is_no_bill(bill: dict[str, Any], spoil: Callable[[dict[str, Any]], Any]) -> None:
    spoiled = json.loads(json.dumps(bill))
    spoil(spoiled)
    assert fault(spoiled) is not None


def test_what_depends_on_what_leads_from_the_model_to_every_component(bill: dict[str, Any]) -> None:
    """The schema does not look at references."""
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    reached, left = set(), [bill["metadata"]["component"]["bom-ref"]]
    while left:
        if (name := left.pop()) not in reached:
            reached.add(name)
            left += needs[name]
    components = {each["bom-ref"] for each in bill["components"]}
    assert reached - {bill["metadata"]["component"]["bom-ref"]} == components == set(needs) & components
