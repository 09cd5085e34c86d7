"""What one format would make of a folder, from its annotation files and names alone: no image is decoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingSummary:
    """`images` are read with something annotated or with nothing on them; `bare` of them have no annotation of their
    own. `files` are the annotation files, masks and lists that were read."""

    images: frozenset[str]
    files: frozenset[str]
    bare: int
    marks: int
    classes: tuple[str, ...]

    @property
    def annotated(self) -> int:
        return max(len(self.images) - self.bare, 0)

    def explained(self, files: int) -> float:
        """The share of so many files of a folder that this reading accounts for."""
        return (self.annotated + len(self.files)) / max(files, 1)

    def __str__(self) -> str:
        named = ", ".join(self.classes[:_NAMED_CLASSES]) + (", ..." if len(self.classes) > _NAMED_CLASSES else "")
        classes = f"classes {named}" if named else "no classes"
        bare = f", {self.bare} without annotation" if self.bare else ""
        return f"{len(self.images)} images{bare}, {self.marks} marks, {classes}, {len(self.files)} annotation files"


_NAMED_CLASSES = 6
