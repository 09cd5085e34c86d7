"""The catalogue of problems is data that others count on."""

import re
from pathlib import Path

import pytest
import truscore.datasets
from truscore.datasets import CODES
from truscore.datasets.reading.problems import ProblemLog

SOURCES = sorted(Path(truscore.datasets.__file__).parent.rglob("*.py"))
CODE = re.compile(r'"((?:format|label|image)\.[a-z_.]+)"')


def test_every_code_is_used_and_every_used_code_is_in_the_catalogue() -> None:
    used = {code for path in SOURCES if path.name != "problems.py" for code in CODE.findall(path.read_text())}
    assert used == set(CODES)


def test_every_code_has_a_sentence() -> None:
    assert all(meaning.endswith(".") and meaning[0].isupper() for meaning in CODES.values())


def test_a_code_that_is_not_in_the_catalogue_cannot_be_reported() -> None:
    with pytest.raises(KeyError, match="not in the catalogue"):
        ProblemLog(limit=1).add("label.odd", "?")
