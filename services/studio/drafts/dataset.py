"""What a draft of a dataset is. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from truscore.catalog import Row, architectures, categories, options
from truscore.datasets.index.class_order import grades_of
from truscore.validation.order import NAME
from truscore.validation.policy.expectations import expectation_of

MOST_CLASSES = 1000
MOST_CLASS_CHARS = 200
DEFAULT_CLASSES = {
    ("border_detection", "single_class"): ("card",),
    ("corner_analysis", "damage_detection"): ("damage",),
    ("edge_analysis", "wear_detection"): ("wear",),
    ("surface_analysis", "defect_detection"): ("defect",),
}
GRADES = tuple(str(grade) for grade in range(1, 11))


class InvalidDraft(ValueError):
    """The message names the field, its value and what is accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A dataset in the making."""

    dataset_id: str
    category: str
    option: str
    architecture: str
    class_names: tuple[str, ...]
    created_at: float
    created_by: str

    @property
    def row(self) -> Row | None:
        rows = architectures(self.category, self.option)
        return next((row for row in rows if row.architecture == self.architecture), None)

    @property
    def learns_from(self) -> str:
        """What is to be annotated: boxes, masks, grade, scores or labels."""
        return self.row.learns_from if self.row is not None else ""

    @property
    def grades(self) -> tuple[float, ...]:
        return grades_of(self.class_names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggested:
    """An architecture for an option, with the reason."""

    architecture: str
    available: bool
    reason: str
    learns_from: str


def suggestions(category: str, option: str) -> tuple[Suggested, ...]:
    """Architectures of the option, the suggested one first."""
    rows = architectures(category, option)
    first = next((row for row in rows if row.available), None)
    ordered = sorted(rows, key=lambda row: row is not first)
    return tuple(
        Suggested(
            architecture=row.architecture,
            available=row.available,
            reason=_reason(row, is_first=row is first),
            learns_from=row.learns_from,
        )
        for row in ordered
    )


def _reason(row: Row, *, is_first: bool) -> str:
    if not row.available:
        return row.reason
    bases = f"built on {', '.join(row.bases[:2])}"
    metrics = " and ".join(row.purpose_metrics[:2])
    if is_first:
        return f"the catalog's default for this option: its best epoch is chosen by {metrics}; {bases}"
    return f"another way to the same annotations, chosen by {metrics}; {bases}"


def default_classes(category: str, option: str) -> tuple[str, ...]:
    """Classes to begin with; empty where any will do."""
    expected = expectation_of(category, option)
    if expected.class_names:
        return expected.class_names
    return GRADES if "grade" in expected.learns_from else DEFAULT_CLASSES.get((category, option), ())


def new_draft(
    *,
    dataset_id: str,
    category: str,
    option: str,
    architecture: str,
    class_names: Sequence[str],
    created_at: float,
    created_by: str,
) -> Draft:
    """Raises InvalidDraft."""
    if not NAME.fullmatch(dataset_id):
        accepted = 'accepted are 1 to 128 letters, digits, ".", "_" and "-", beginning with a letter or digit'
        raise InvalidDraft(f"name {dataset_id[:150]!r}: {accepted}")
    _one_of("category", category, categories())
    _one_of("option", option, options(category))
    architecture = architecture or suggestions(category, option)[0].architecture
    _one_of("architecture", architecture, [row.architecture for row in architectures(category, option)])
    return Draft(
        dataset_id=dataset_id,
        category=category,
        option=option,
        architecture=architecture,
        class_names=checked_classes(class_names),
        created_at=created_at,
        created_by=created_by,
    )


def checked_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Names without blanks around them. Raises InvalidDraft."""
    found = tuple(" ".join(name.split()) for name in names)
    if not found or len(found) > MOST_CLASSES:
        raise InvalidDraft(f"{len(found)} classes: accepted are 1 to {MOST_CLASSES}")
    for name in found:
        if not name or len(name) > MOST_CLASS_CHARS or not name.isprintable():
            raise InvalidDraft(f"class {name[:80]!r}: accepted are 1 to {MOST_CLASS_CHARS} printable characters")
    if len(set(found)) < len(found):
        raise InvalidDraft("a class is named twice: accepted are different names")
    return found


def _one_of(field: str, value: str, accepted: Sequence[str]) -> None:
    if value not in accepted:
        raise InvalidDraft(f"{field} {value[:80]!r}; accepted: {', '.join(accepted)}")


_DRIVE = re.compile(r"^[A-Za-z]:")


def image_path(name: str) -> str:
    """A file's name or relative path as the path in the dataset. Raises InvalidDraft."""
    path = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    parts = path.split("/")
    if not path or len(path) > 500 or len(parts) > 12 or ".." in parts or _DRIVE.match(path) or not path.isprintable():
        raise InvalidDraft(f"file name {name[:120]!r}: accepted are up to 500 printable characters, no '..'")
    if any(part.startswith(".") for part in parts) or parts[0] == "_truscore":
        raise InvalidDraft(f"file name {name[:120]!r}: hidden files and the folder _truscore are not accepted")
    return path
