"""What instances of the studio say to each other of an edit: which image, and its revision now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EDITS: Final = "edits"  # the channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """A document was saved as this revision."""

    image_id: int
    revision: int


def edit_to_text(edit: Edit) -> str:
    return f"{edit.image_id} {edit.revision}"


def edit_from_text(text: str) -> Edit:
    """ValueError where it is none."""
    image_id, revision = map(int, text.split(" "))
    return Edit(image_id=image_id, revision=revision)
