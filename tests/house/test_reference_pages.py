"""The reference pages say what the code does."""

import pytest
from truscore.recipes.accepted_values import RULES
from truscore.recipes.key_descriptions import MEANINGS
from truscore.recipes.resolve import ROW_KEYS

from docs.generate.pages import FOLDER, PAGES, text_of


def test_every_key_has_a_meaning() -> None:
    assert {*RULES, *ROW_KEYS} == set(MEANINGS)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_is_what_the_code_gives(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == text_of(name), "run `make reference`"


def test_every_reference_page_is_generated() -> None:
    assert {path.name for path in FOLDER.glob("*.md")} == set(PAGES)
