"""Cross-validation: every image is held out once, together with all images of its group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.datasets.splitting.split import InvalidSplit, Split, shuffled_groups, sorted_by_path
from truscore.datasets.splitting.stratify import Group, assign, fill_empty_parts, group_of, spread_strata, strata_of


def fold_dataset(index: DatasetIndex, *, folds: int, seed: int, inner: float = 0.0) -> tuple[Split, ...]:
    """So many splits whose held-out parts are all images, each once: the validation parts.

    With a share ``inner`` of the other images to choose by, these are the validation part and the held-out images the
    test part. Groups stay together, and every class and range of scores is spread over the folds. The dataset's own
    folders of training and test images are not heeded. Raises InvalidSplit where there are fewer groups than folds.
    """
    if folds < 2:
        raise InvalidSplit(f"folds {folds}: expected at least 2")
    if not 0 <= inner < 1:
        raise InvalidSplit(f"inner {inner}: expected a share from 0 to below 1")
    images, groups, counted = _grouped(index, seed)
    what = f"the {len(images)} images are in {len(groups)} groups that stay together"
    if len(groups) < folds:
        raise InvalidSplit(f"folds {folds}: expected at most {len(groups)}, as {what}")
    assigned = assign(counted, [1 / folds] * folds)
    fill_empty_parts(assigned, counted, parts=range(folds))
    spread_strata(assigned, counted, dict.fromkeys(range(folds), folds))

    def paths(places: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(images[place].path for at in places for place in groups[at]))

    def fold(number: int) -> Split:
        others = sorted(at for other, part in enumerate(assigned) if other != number for at in part)
        if not inner:
            return Split(train=paths(others), validation=paths(assigned[number]), test=(), seed=seed)
        if len(others) < 2:
            raise InvalidSplit(f"inner {inner}: nothing is left to train on beside what is chosen by, as {what}")
        train, validation = _train_and_validation(others, counted, inner)
        return Split(train=paths(train), validation=paths(validation), test=paths(assigned[number]), seed=seed)

    return tuple(fold(number) for number in range(folds))


def sample_dataset(index: DatasetIndex, *, images: int, seed: int) -> DatasetIndex:
    """About so many images, of every class their share and groups whole; all of them where there are no more."""
    if images >= len(index.images):
        return index
    ordered, groups, counted = _grouped(index, seed)
    share = images / len(ordered)
    taken, _ = assign(counted, [share, 1 - share])
    kept = sorted(place for at in taken for place in groups[at])
    chosen = tuple(ordered[place] for place in kept)
    seen = {image.light.object for image in chosen if image.light is not None}
    return replace(
        index, images=chosen, objects=tuple(lit_object for lit_object in index.objects if lit_object.name in seen)
    )


def _grouped(index: DatasetIndex, seed: int) -> tuple[Sequence[ImageRecord], Sequence[list[int]], list[Group]]:
    images = sorted_by_path(index)
    groups = shuffled_groups(images, seed)
    strata = strata_of(images)
    return images, groups, [group_of([strata[place] for place in group]) for group in groups]


def _train_and_validation(others: Sequence[int], counted: Sequence[Group], inner: float) -> tuple[list[int], list[int]]:
    """Groups to train on, and those to choose by."""
    chosen = [counted[at] for at in others]
    parts = assign(chosen, [1 - inner, inner])
    fill_empty_parts(parts, chosen, parts=(0, 1))
    spread_strata(parts, chosen, {0: 1, 1: 2})
    return [others[place] for place in parts[0]], [others[place] for place in parts[1]]
