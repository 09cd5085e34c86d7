"""Images by path, whatever order they have: the order of an index must not matter."""

from __future__ import annotations

from collections.abc import Sequence

from truscore.datasets.index.records import ImageRecord
from truscore.datasets.index.stored_images import StoredImages


def by_path(images: Sequence[ImageRecord]) -> Sequence[ImageRecord]:
    """The images in the order of their paths; those in a file stay there where they are in order."""
    if isinstance(images, StoredImages) and images.in_order:
        return images
    return sorted(images, key=lambda image: image.path)
