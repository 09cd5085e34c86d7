"""Cross-validation: every image is validated on once, by a network that has seen nothing of its kin."""

from __future__ import annotations

from collections.abc import Iterable

from truscore.datasets.dealing import deal, fill, group_of, spread
from truscore.datasets.index import DatasetIndex, ImageRecord
from truscore.datasets.split import InvalidSplit, Split, in_order, shuffled_groups
from truscore.datasets.strata import strata_of


def fold_dataset(index: DatasetIndex, *, folds: int, seed: int) -> tuple[Split, ...]:
    """So many splits without a test part: their validation parts are all images, each once.

    Groups stay together, and every class and range of scores is spread over the folds. The dataset's own folders of
    training and test images are not heeded. Raises InvalidSplit where there are fewer groups than folds.
    """
    if folds < 2:
        raise InvalidSplit(f"folds {folds}: expected at least 2")
    images = in_order(index)
    groups = shuffled_groups(images, seed)
    if len(groups) < folds:
        what = f"the {len(images)} images are in {len(groups)} groups that stay together"
        raise InvalidSplit(f"folds {folds}: expected at most {len(groups)}, as {what}")
    strata = strata_of(images)
    counted = [group_of([strata[place] for place in group]) for group in groups]
    dealt = deal(counted, [1 / folds] * folds)
    fill(dealt, counted, parts=range(folds))
    spread(dealt, counted, dict.fromkeys(range(folds), folds))
    return tuple(_fold(number, dealt, groups, images, seed) for number in range(folds))


def _fold(number: int, dealt: list[list[int]], groups: list[list[int]], images: list[ImageRecord], seed: int) -> Split:
    def paths(parts: Iterable[list[int]]) -> tuple[str, ...]:
        return tuple(sorted(images[place].path for part in parts for at in part for place in groups[at]))

    others = [part for other, part in enumerate(dealt) if other != number]
    return Split(train=paths(others), validation=paths([dealt[number]]), test=(), seed=seed)
