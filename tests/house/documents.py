"""The command blocks of the Markdown that people read, as a Markdown parser sees them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY: Final = Path(__file__).parents[2]
RUN: Final = ("sh", "python")
# Names under which a command could hide from being run; the empty one is a block without a language.
NEVER: Final = ("", "bash", "shell", "console", "shellsession", "zsh", "py")
EXAMPLE: Final = re.compile(r"<!--\s*example:\s*(?P<reason>.*?)\s*-->\s*", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A fenced block: where it begins (lines count from 1), its language, and why it is not run, where it is not."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"

    @property
    def is_run(self) -> bool:
        return self.language in RUN and self.reason is None


def pages() -> list[Path]:
    """All Markdown for people: at the top, and the documentation."""
    return sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


def blocks(page: Path) -> Iterator[Block]:
    """Fenced blocks in order. `<!-- example: REASON -->` right before a block says why it is not run."""
    before: Token | None = None
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            marked = EXAMPLE.fullmatch(before.content) if before is not None and before.type == "html_block" else None
            yield Block(
                page=page,
                line=(token.map or [0])[0] + 1,
                language=token.info.split()[0] if token.info.split() else "",
                text=token.content,
                reason=marked["reason"] if marked else None,
            )
        before = token


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A link within the repository, as it is written on a page."""

    page: Path
    address: str

    @property
    def leads_somewhere(self) -> bool:
        """Whether the file is there, and the heading, where one is named."""
        path, _, anchor = self.address.partition("#")
        target = (self.page.parent / path) if path else self.page
        return target.exists() and (not anchor or anchor in headings(target))


def links(page: Path) -> Iterator[Link]:
    """Links and pictures of a page but those to other places."""
    for token in _inlines(page):
        for child in token.children or ():
            address = str(child.attrGet("href") or child.attrGet("src") or "")
            if address and not re.match(r"[a-z]+:", address):
                yield Link(page=page, address=address)


def headings(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them of plain ones."""
    texts = (token.content for token in _inlines(page, after="heading_open"))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def _inlines(page: Path, *, after: str = "") -> Iterator[Token]:
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "inline" and (not after or (before is not None and before.type == after)):
            yield token
