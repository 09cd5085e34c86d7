"""The page of the configuration says what the code accepts."""

from pathlib import Path

from truscore.recipes.accepted import RULES
from truscore.recipes.meanings import MEANINGS
from truscore.recipes.resolve import ROW_KEYS

from tests.house.configuration_of import page

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_every_key_has_a_meaning() -> None:
    assert {*RULES, *ROW_KEYS} == set(MEANINGS)


def test_the_page_of_the_configuration_is_what_the_code_gives() -> None:
    assert PAGE.read_text() == page() + "\n", "run: python -m tests.house.configuration_of > docs/configuration.md"
