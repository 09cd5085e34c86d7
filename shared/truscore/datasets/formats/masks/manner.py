"""What the values of a dataset's masks are: black and white, numbers of classes, colours, or ids of instances.

Decided once for all masks, from some of them, from what is declared and from names beside them; what cannot be decided
is not read. Array legend: H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.datasets.formats.masks.names import ValueNames, coloured_names, numbered_names
from truscore.datasets.images.decode import UnreadableImage, opened, read_bounded
from truscore.datasets.limits import Limits
from truscore.datasets.paths import suffix_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.shapes.parse import BadShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINARY, CLASSES, COLOURS, INSTANCES = "binary", "classes", "colours", "instances"
UNLABELLED = 255  # in a palette: the border that nobody decided on (Pascal VOC)
INSTANCE_BASE = 1000  # class x 1000 + instance (Cityscapes)
LOSSY = frozenset({".jpg", ".jpeg", ".jpe"})
_SAMPLED = 24
_MOST_NUMBERS = 64  # values of a palette or of grey that may be numbers
_MOST_CLASSES = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskValues:
    """`values_HW` are those stored: grey levels, places in a palette, or colours as one number each."""

    values_HW: NDArray[Any]
    palette: bool = False
    coloured: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """`kind` is one of the four. `names` say what values stand for, where they are no black and white.

    `ignored`: values that mark what nobody decided on. `refusal` says why masks of several values are not read.
    """

    kind: str = BINARY
    names: ValueNames = field(default_factory=ValueNames)
    ignored: frozenset[int] = frozenset()
    refusal: str = ""
    lossy: bool = False  # JPEG, whose levels are not those that were saved

    @property
    def has_classes(self) -> bool:
        """Whether values, not folders, name classes."""
        return bool(self.names.names)


def load_values(path: Path, limits: Limits) -> MaskValues:
    """The mask as stored. Raises BadShape."""
    import numpy as np

    try:
        with opened(read_bounded(path, limits=limits), limits=limits) as image:
            palette = image.mode == "P"
            values = np.asarray(image)
    except UnreadableImage as error:
        raise BadShape("label.mask_unreadable", error.reason) from error
    if values.ndim == 2:
        values = values.astype(np.uint8) if values.dtype == np.bool_ else values
        return MaskValues(values_HW=values, palette=palette)
    colours_HWC = values[..., :3]
    if values.shape[2] < 3 or (colours_HWC == colours_HWC[..., :1]).all():
        return MaskValues(values_HW=values[..., 0])
    return MaskValues(values_HW=_packed(colours_HWC), coloured=True)


def as_colours(path: Path, limits: Limits) -> NDArray[Any]:
    """The mask's colours as one number each [H, W], those of a palette too. Raises BadShape."""
    import numpy as np

    try:
        with opened(read_bounded(path, limits=limits), limits=limits) as image:
            return _packed(np.asarray(image.convert("RGB")))
    except UnreadableImage as error:
        raise BadShape("label.mask_unreadable", error.reason) from error


def _packed(colours_HWC: NDArray[np.uint8]) -> NDArray[Any]:
    import numpy as np

    red, green, blue = (colours_HWC[..., place].astype(np.int32) for place in range(3))
    return red << 16 | green << 8 | blue


@dataclass(frozen=True, kw_only=True, slots=True)
class _Survey:
    """What some of the masks hold: their values all together, and the most that one of them has."""

    values: frozenset[int]
    most_in_one: int
    palette: bool
    coloured: bool
    lossy: bool


def manner_of(context: ReaderContext, masks: Sequence[str]) -> Manner:
    """What the masks' values are; black and white where each mask has two."""
    declared = context.declaration.mask_values
    if context.dry_run or context.declaration.mask_threshold is not None:
        return Manner()
    survey = _survey(context, masks)
    if declared == CLASSES:
        names = numbered_names(context, frozenset()) or ValueNames()
        return Manner(kind=CLASSES, names=names, ignored=_ignored(survey, names))
    if survey.lossy:
        return _lossy(survey)
    if declared == INSTANCES or _are_instances(survey.values):
        return _instances(context, survey, declared=declared == INSTANCES)
    return _colours(context, survey) or _numbers(context, survey)


def _colours(context: ReaderContext, survey: _Survey) -> Manner | None:
    names = coloured_names(context) if survey.coloured or survey.palette else None
    if names is not None:
        return Manner(kind=COLOURS, names=names)
    if survey.coloured:
        return Manner(refusal="its colours stand for classes, and no labelmap.txt beside the masks names them")
    return None


def _lossy(survey: _Survey) -> Manner:
    if survey.coloured:
        return Manner(lossy=True, refusal="its colours are no longer those that were saved: JPEG; save masks as PNG")
    if survey.values and max(survey.values) < _MOST_NUMBERS:
        return Manner(lossy=True, refusal="no value is above 63, and JPEG mixes class numbers; save masks as PNG")
    return Manner(lossy=True)


def _numbers(context: ReaderContext, survey: _Survey) -> Manner:
    """Numbers of classes, where values are few and small or those of a palette; else black and white."""
    marked = survey.values - {0} - ({UNLABELLED} if survey.palette and len(survey.values) > 2 else set())
    ignored = survey.values - {0} - marked
    several = len(marked) > 1
    if not several or (survey.most_in_one <= 2 and not survey.palette and max(marked) >= _MOST_NUMBERS):
        return Manner(ignored=frozenset(ignored))
    if not survey.palette and max(marked) >= _MOST_NUMBERS:
        return Manner()
    names = numbered_names(context, frozenset(marked))
    if names is not None:
        return Manner(kind=CLASSES, names=names, ignored=_ignored(survey, names))
    if survey.most_in_one <= 2 and not survey.palette:
        return Manner(refusal=_unnamed(marked) if len(marked) > 1 else "")
    return Manner(ignored=frozenset(ignored), refusal=_unnamed(marked))


def _unnamed(marked: frozenset[int] | set[int]) -> str:
    listed = ", ".join(map(str, sorted(marked)[:8]))
    return (
        f"values {listed} of the masks look like class numbers, and nothing names them; put the names into labels.txt, "
        "or declare `classes` with mask_values, or a mask_threshold"
    )


def _instances(context: ReaderContext, survey: _Survey, *, declared: bool) -> Manner:
    marked = survey.values - {0}
    if declared and max(marked, default=0) < INSTANCE_BASE:
        return Manner(kind=INSTANCES)
    classes = frozenset(value // INSTANCE_BASE if value >= INSTANCE_BASE else value for value in marked)
    names = numbered_names(context, classes)
    if names is None:
        listed = ", ".join(map(str, sorted(marked)[:4]))
        text = f"values such as {listed} are class x {INSTANCE_BASE} + instance, and nothing names the classes"
        return Manner(refusal=f"{text}; put the names into labels.txt, or declare `classes`")
    return Manner(kind=INSTANCES, names=names)


def _are_instances(values: frozenset[int]) -> bool:
    """Whether most values are class x 1000 + instance: of sixteen bits, few of them, none like a height or depth."""
    large = [value for value in values if value >= INSTANCE_BASE]
    classes = {value // INSTANCE_BASE for value in large}
    numbered = all(value % INSTANCE_BASE < INSTANCE_BASE // 2 for value in large)
    few = len(values) <= _MOST_CLASSES and len(classes) <= _MOST_NUMBERS
    return bool(large) and len(values - {0}) > 1 and few and numbered and 2 * len(large) >= len(values - {0})


def _ignored(survey: _Survey, names: ValueNames) -> frozenset[int]:
    return frozenset({UNLABELLED}) if UNLABELLED in survey.values and UNLABELLED not in names.label_of else frozenset()


def _survey(context: ReaderContext, masks: Sequence[str]) -> _Survey:
    import numpy as np

    step = max(1, len(masks) // _SAMPLED)
    values: set[int] = set()
    most, palette, coloured = 0, False, False
    for mask in sorted(masks)[::step][:_SAMPLED]:
        try:
            loaded = load_values(context.folder.root / mask, context.limits)
        except (BadShape, OSError):
            continue
        found = np.unique(loaded.values_HW).tolist()
        coloured = coloured or loaded.coloured
        palette = palette or loaded.palette
        if not loaded.coloured:
            most = max(most, len(found))
            values.update(map(int, found[: _MOST_CLASSES + 1]))
    lossy = bool(masks) and all(suffix_of(mask) in LOSSY for mask in masks)
    return _Survey(values=frozenset(values), most_in_one=most, palette=palette, coloured=coloured, lossy=lossy)
