"""The changelog, the contract's version and the project's version agree."""

import json
import re
import tomllib
from pathlib import Path

from truscore.events import CONTRACT_VERSION

REPOSITORY = Path(__file__).parents[2]
CHANGELOG = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
CONTRACTS = re.findall(r"^### Contract (\d+\.\d+\.\d+)$", CHANGELOG, re.MULTILINE)
RELEASES = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", CHANGELOG, re.MULTILINE)


def test_the_newest_contract_of_the_changelog_is_the_one_of_the_code() -> None:
    assert CONTRACTS[0] == CONTRACT_VERSION


def test_the_asyncapi_document_carries_the_version_of_the_contract() -> None:
    published = json.loads((REPOSITORY / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
    assert published["info"]["version"] == CONTRACT_VERSION, "run `make reference`"


def test_the_major_version_of_the_contract_is_that_of_its_package() -> None:
    (package,) = (REPOSITORY / "proto" / "truscore" / "events").iterdir()
    assert package.name == f"v{CONTRACT_VERSION.split('.', maxsplit=1)[0]}"


def test_the_newest_release_of_the_changelog_is_the_version_of_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert RELEASES[0] == project["version"]


def test_versions_fall_from_top_to_bottom() -> None:
    for versions in (CONTRACTS, RELEASES):
        numbers = [tuple(map(int, version.split("."))) for version in versions]
        assert numbers == sorted(set(numbers), reverse=True)
