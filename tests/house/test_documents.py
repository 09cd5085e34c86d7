"""Every command in the documentation is run by a test, or says why not."""

import re
from pathlib import Path

import pytest

from tests.house import documents
from tests.house.documents import NEVER, RUN, blocks, pages

LEAST_REASON = 12  # characters; "slow" is no reason


def test_every_command_block_is_run_or_says_why_not() -> None:
    """tests/e2e/test_documented_commands.py runs those that `is_run`."""
    silent = [
        f"{block.place}: write ```sh (or ```python), which is run by a test against a stack, "
        f"or put <!-- example: the reason why it can't be run --> before the block"
        for page in pages()
        for block in blocks(page)
        if block.language in NEVER or (block.language in RUN and block.reason is not None and not _stated(block.reason))
    ]
    assert silent == []


def test_no_example_mark_stands_where_no_block_follows() -> None:
    """A mark that a parser does not see would have its block run, or hide it."""
    for page in pages():
        marks = re.findall(r"^\s*<!-- *example:", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(marks) == sum(block.reason is not None for block in blocks(page)), page


def test_the_readme_has_commands_that_are_run() -> None:
    assert any(block.is_run for block in blocks(documents.REPOSITORY / "README.md"))


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("```sh\nls\n```\n", True),
        ("<!-- example: needs a GPU -->\n```sh\nls\n```\n", False),
        ("<!-- example: needs a GPU -->\n\n```sh\nls\n```\n", False),
        ("<!-- example: needs a GPU -->\n\ntext between\n\n```sh\nls\n```\n", True),
        ("1. a list\n\n    ```sh\n    ls\n    ```\n", True),
        ("```json\n{}\n```\n", False),
    ],
)
def test_a_block_is_found_where_a_reader_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, run: bool
) -> None:
    monkeypatch.setattr(documents, "REPOSITORY", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(text)
    (block,) = blocks(page)
    assert block.is_run is run


def _stated(reason: str) -> bool:
    return len(reason) >= LEAST_REASON
