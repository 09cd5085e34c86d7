"""Whether pictures NAME_top, NAME_left, ... show one scene under changing light, or crops of it: measured on pixels.

Light changes the shading and leaves the edges of what is painted where they are; crops share no edges. The cosine
between the gradients of two views is 0.6 to 0.95 for cards and for objects, and -0.1 to 0.1 for crops of a card.

Array legend: H height, W width, 2 down and across.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from truscore.datasets.images.decode import UnreadableImage, opened, read_bounded, small_upright
from truscore.datasets.limits import Limits
from truscore.datasets.reading.folder import Folder
from truscore.datasets.splitting.name_groups import light_named_by, lights_by_card

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Nobody crops the "up" of a card: these words are those of lights.
_LIGHTS_ONLY = frozenset({"up", "down"})
_LEAST_COSINE = 0.3
_SIDE_PX = 64
_SAMPLED_CARDS = 5
_SAMPLED_VIEWS = 4
_DARK = 8.0  # grey levels below which shading is noise


def lit_cards(folder: Folder, *, limits: Limits) -> Mapping[str, tuple[str, ...]]:
    """Images of one thing under several lights, by the thing's name; none where the pictures are crops.

    Where names leave it open, some things of the set are looked at, and most of them decide for all.
    """
    cards = lights_by_card(folder.images)
    if any(light_named_by(path) in _LIGHTS_ONLY for paths in cards.values() for path in paths):
        return cards
    sampled = [paths[:_SAMPLED_VIEWS] for _, paths in sorted(cards.items())[:_SAMPLED_CARDS]]
    crops = sum(not shows_one_scene(folder, paths, limits=limits) for paths in sampled)
    return {} if 2 * crops > len(sampled) else cards


def shows_one_scene(folder: Folder, paths: Sequence[str], *, limits: Limits) -> bool:
    """Whether the pictures have the same edges; those that cannot be decoded do not count against it."""
    import numpy as np

    edges = [found for path in paths if (found := _edges(folder, path, limits)) is not None]
    lengths = [float(np.linalg.norm(found)) for found in edges]
    cosines = [
        float((edges[one] * edges[other]).sum()) / (lengths[one] * lengths[other])
        for one, other in combinations(range(len(edges)), 2)
        if lengths[one] and lengths[other]
    ]
    return not cosines or sum(cosines) / len(cosines) >= _LEAST_COSINE


def _edges(folder: Folder, path: str, limits: Limits) -> NDArray[np.float64] | None:
    """How the logarithm of the grey level changes [2, H, W], in a small copy."""
    import numpy as np
    from PIL import Image

    try:
        with opened(read_bounded(folder.root / path, limits=limits), limits=limits) as image:
            small_HWC = small_upright(image, 4 * _SIDE_PX)
    except (UnreadableImage, OSError):
        return None
    grey = Image.fromarray(small_HWC).convert("L").resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX)
    down_HW, across_HW = np.gradient(np.log(np.asarray(grey, dtype=np.float64) + _DARK))
    return np.stack((down_HW, across_HW))
