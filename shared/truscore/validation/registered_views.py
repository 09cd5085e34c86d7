"""The views of each object under many lights, held against each other at their own size once all are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from truscore.datasets import DatasetIndex, ImageRecord, Limits
from truscore.datasets.images.decode import UnreadableImage, opened, read_bounded, upright_picture
from truscore.validation.measures.view_shifts import ViewShift, view_shifts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_SAMPLES = 32_000_000  # of one object, in 4 bytes each: of larger views the middle is held against the others'


def registered_views(root: Path, index: DatasetIndex, *, least_px: float, limits: Limits) -> Mapping[str, ViewShift]:
    """By path, of the views of which something can be said. Views that cannot be decoded any more are left out, and
    objects whose views are of several sizes: both have findings of their own."""
    found: dict[str, ViewShift] = {}
    for views in _by_object(index):
        if len({(view.width, view.height) for view in views}) > 1:
            continue
        try:
            greys = [_middle(root, view, len(views), limits) for view in views]
        except (OSError, UnreadableImage):
            continue
        shifts = view_shifts(greys, least_px=least_px)
        found |= {view.path: shift for view, shift in zip(views, shifts, strict=True) if shift is not None}
    return found


def _by_object(index: DatasetIndex) -> Iterator[list[ImageRecord]]:
    if not index.objects:
        return
    views: dict[str, list[ImageRecord]] = {lit_object.name: [] for lit_object in index.objects}
    for image in index.images:
        if image.light is not None and image.light.object in views:
            views[image.light.object].append(image)
    yield from views.values()


def _middle(root: Path, view: ImageRecord, count: int, limits: Limits) -> NDArray[np.float32]:
    import numpy as np

    side = max(int((MOST_SAMPLES / count) ** 0.5), 1)
    with opened(read_bounded(root / view.path, limits=limits), limits=limits) as image:
        picture = upright_picture(image).convert("L")
    width, height = picture.size
    left, top = max((width - side) // 2, 0), max((height - side) // 2, 0)
    box = (left, top, min(left + side, width), min(top + side, height))
    return np.asarray(picture.crop(box), dtype=np.float32)
