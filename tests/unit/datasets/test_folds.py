"""Folds and splits: a partition, groups whole, every class where it can be, whatever order the images come in."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from truscore.datasets import (
    DatasetIndex,
    ImageRecord,
    InvalidSplit,
    Split,
    fold_dataset,
    read_dataset,
    sample_dataset,
    split_dataset,
)
from truscore.datasets.splitting.split import indivisible_groups
from truscore.datasets.splitting.stratify import NOTHING, strata_of

PUBLISHED = Path(__file__).parents[4] / "shared" / "data"
CLASSES = 4
GENTLE = settings(max_examples=60, deadline=None)


def image(
    path: str, *, group: str = "", labels: tuple[int, ...] | None = (), scores: tuple[tuple[str, float], ...] = ()
) -> ImageRecord:
    return ImageRecord(
        path=path, sha256=path, size_bytes=1, width=4, height=3, group=group, labels=labels, scores=scores
    )


def index_of(images: list[ImageRecord]) -> DatasetIndex:
    return DatasetIndex(format="", class_names=tuple("abcd"), images=tuple(images))


# Groups of images, each group of one class.
pure = st.lists(st.tuples(st.integers(1, CLASSES), st.integers(1, 6)), min_size=2, max_size=25)
# Images with any classes, in any of a few groups or in none.
mixed = st.lists(
    st.tuples(st.sampled_from(["", "", "p", "q", "r", "s"]), st.sets(st.integers(1, CLASSES))), min_size=2, max_size=40
)


def pure_images(drawn: list[tuple[int, int]]) -> list[ImageRecord]:
    return [
        image(f"{number:02d}-{copy}", group=f"card {number}", labels=(label,))
        for number, (label, size) in enumerate(drawn)
        for copy in range(size)
    ]


def mixed_images(drawn: list[tuple[str, set[int]]]) -> list[ImageRecord]:
    return [
        image(f"{number:02d}", group=group, labels=tuple(sorted(labels)))
        for number, (group, labels) in enumerate(drawn)
    ]


def parts_of(split: Split) -> list[tuple[str, ...]]:
    return [split.train, split.validation, split.test]


@GENTLE
@given(mixed, st.integers(2, 6), st.integers(0, 5))
def test_every_image_is_validated_on_once_and_trained_on_in_all_other_folds(
    drawn: list[tuple[str, set[int]]], folds: int, seed: int
) -> None:
    images = mixed_images(drawn)
    assume(len(indivisible_groups(images)) >= folds)
    splits = fold_dataset(index_of(images), folds=folds, seed=seed)
    assert len(splits) == folds
    everything = sorted(one.path for one in images)
    assert sorted(path for split in splits for path in split.validation) == everything
    for split in splits:
        assert split.validation
        assert split.test == ()
        assert sorted((*split.train, *split.validation)) == everything


@GENTLE
@given(mixed, st.integers(2, 6), st.integers(0, 5))
def test_no_group_lies_in_two_folds(drawn: list[tuple[str, set[int]]], folds: int, seed: int) -> None:
    images = mixed_images(drawn)
    groups = indivisible_groups(images)
    assume(len(groups) >= folds)
    of_path = {images[place].path: number for number, group in enumerate(groups) for place in group}
    for split in fold_dataset(index_of(images), folds=folds, seed=seed):
        assert not {of_path[path] for path in split.train} & {of_path[path] for path in split.validation}


@settings(max_examples=120, deadline=None)
@given(pure, st.integers(2, 6), st.integers(0, 5))
def test_a_class_with_a_group_for_each_fold_is_in_each(drawn: list[tuple[int, int]], folds: int, seed: int) -> None:
    assume(len(drawn) >= folds)
    images = pure_images(drawn)
    label_of = {one.path: (one.labels or (0,))[0] for one in images}
    ample = {label for label, count in Counter(label for label, _ in drawn).items() if count >= folds}
    for split in fold_dataset(index_of(images), folds=folds, seed=seed):
        assert ample <= {label_of[path] for path in split.validation}


@GENTLE
@given(st.lists(st.booleans(), min_size=10, max_size=40), st.integers(2, 5), st.integers(0, 5))
def test_a_class_that_comes_with_another_is_in_each_fold_too(rare: list[bool], folds: int, seed: int) -> None:
    assume(sum(rare) >= folds)
    images = [image(f"{number:02d}", labels=(1, 2) if both else (1,)) for number, both in enumerate(rare)]
    rarely = {one.path for one in images if one.labels == (1, 2)}
    for split in fold_dataset(index_of(images), folds=folds, seed=seed):
        assert rarely & set(split.validation)


@GENTLE
@given(mixed, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_images_does_not_matter(
    drawn: list[tuple[str, set[int]]], seed: int, random: "st.DrawFn"
) -> None:
    images = mixed_images(drawn)
    assume(len(indivisible_groups(images)) >= 2)
    stirred = random.sample(images, len(images))
    assert fold_dataset(index_of(stirred), folds=2, seed=seed) == fold_dataset(index_of(images), folds=2, seed=seed)
    assert split_dataset(index_of(stirred), seed=seed) == split_dataset(index_of(images), seed=seed)


@GENTLE
@given(mixed, st.integers(0, 5))
def test_a_split_is_a_partition_with_groups_whole(drawn: list[tuple[str, set[int]]], seed: int) -> None:
    images = mixed_images(drawn)
    split = split_dataset(index_of(images), seed=seed)
    assert sorted(path for part in parts_of(split) for path in part) == sorted(one.path for one in images)
    groups = indivisible_groups(images)
    if len(groups) > 1:
        for group in groups:
            paths = {images[place].path for place in group}
            assert sum(bool(paths & set(part)) for part in parts_of(split)) == 1


@GENTLE
@given(pure, st.integers(0, 5))
def test_a_class_of_two_groups_is_trained_on_and_validated_and_one_of_four_tested_too(
    drawn: list[tuple[int, int]], seed: int
) -> None:
    images = pure_images(drawn)
    label_of = {one.path: (one.labels or (0,))[0] for one in images}
    groups = Counter(label for label, _ in drawn)
    split = split_dataset(index_of(images), seed=seed)
    found = [{label_of[path] for path in part} for part in parts_of(split)]
    for part, least in ((1, 2), (2, 4)):
        assert {label for label, count in groups.items() if count >= least} <= found[part]
    assert {label for label, count in groups.items() if count >= 2} <= found[0]


@GENTLE
@given(pure, st.integers(3, 5), st.integers(0, 5))
def test_images_to_choose_by_come_out_of_training_with_their_groups(
    drawn: list[tuple[int, int]], folds: int, seed: int
) -> None:
    assume(len(drawn) >= folds)
    index = index_of(pure_images(drawn))
    plain = fold_dataset(index, folds=folds, seed=seed)
    for split, outer in zip(fold_dataset(index, folds=folds, seed=seed, inner=0.2), plain, strict=True):
        assert split.test == outer.validation
        assert tuple(sorted((*split.train, *split.validation))) == outer.train
        cards = [{path[:2] for path in part} for part in parts_of(split)]
        assert all(cards)
        assert len(set.union(*cards)) == sum(map(len, cards))


@GENTLE
@given(pure, st.integers(1, 40), st.integers(0, 5))
def test_a_sample_has_groups_whole_and_about_the_size_that_was_requested(
    drawn: list[tuple[int, int]], wanted: int, seed: int
) -> None:
    index = index_of(pure_images(drawn))
    taken = sample_dataset(index, images=wanted, seed=seed)
    assert taken.images == tuple(one for one in index.images if one.path in {two.path for two in taken.images})
    sizes = Counter(one.group for one in index.images)
    assert all(sizes[group] == count for group, count in Counter(one.group for one in taken.images).items())
    # Each class may miss its share by half a group, and one group is all there is of some.
    assert abs(len(taken.images) - min(wanted, len(index.images))) <= 6 * CLASSES


def test_another_seed_gives_other_folds_and_the_same_seed_the_same() -> None:
    images = [image(f"{number:02d}", labels=(1,)) for number in range(40)]
    first = fold_dataset(index_of(images), folds=4, seed=1)
    assert fold_dataset(index_of(images), folds=4, seed=1) == first
    assert fold_dataset(index_of(images), folds=4, seed=2) != first


def test_folds_are_of_one_size_where_images_stand_alone() -> None:
    images = [image(f"{number:02d}", labels=(1 + number % 3,)) for number in range(43)]
    sizes = sorted(len(split.validation) for split in fold_dataset(index_of(images), folds=5, seed=0))
    assert sum(sizes) == 43
    assert sizes[-1] - sizes[0] <= 3


def test_every_grade_is_graded_in_every_fold_in_its_share() -> None:
    images = [image(f"{grade}/{number:02d}", labels=(grade,)) for grade in range(1, 5) for number in range(20)]
    for split in fold_dataset(index_of(images), folds=5, seed=0):
        assert Counter(path[0] for path in split.validation) == dict.fromkeys("1234", 4)


def test_low_and_high_scores_are_in_every_part() -> None:
    images = [image(f"{number:02d}", labels=None, scores=(("sharpness", number / 100),)) for number in range(100)]
    split = split_dataset(index_of(images), seed=0)
    for part in parts_of(split):
        values = sorted(int(path) for path in part)
        assert values[0] < 20
        assert values[-1] >= 80
        assert max(high - low for low, high in pairwise(values)) < 35
    for fold in fold_dataset(index_of(images), folds=5, seed=0):
        assert Counter(int(path) // 20 for path in fold.validation) == dict.fromkeys(range(5), 4)


def test_equal_scores_fall_into_one_range_and_images_without_one_into_their_own() -> None:
    images = [image(str(number), labels=None, scores=(("wear", float(number >= 15)),)) for number in range(20)]
    strata = strata_of([*images, image("none", labels=None)])
    assert len(set(strata[:15])) == len(set(strata[15:20])) == 1
    assert strata[0] != strata[15]
    assert strata[20] == {NOTHING}


@pytest.mark.parametrize("folds", [1, 0, -3])
def test_fewer_than_two_folds_are_refused(folds: int) -> None:
    with pytest.raises(InvalidSplit, match=rf"folds {folds}: expected at least 2"):
        fold_dataset(index_of([image("a"), image("b")]), folds=folds, seed=0)


def test_two_cards_cannot_train_choose_and_test() -> None:
    images = [image(f"{number}", group=f"card {number % 2}") for number in range(12)]
    with pytest.raises(InvalidSplit, match="nothing is left to train on beside what is chosen by"):
        fold_dataset(index_of(images), folds=2, seed=0, inner=0.2)


def test_more_folds_than_groups_are_refused_with_how_many_there_are() -> None:
    images = [image(f"{number}", group=f"card {number % 3}") for number in range(12)]
    with pytest.raises(InvalidSplit, match="expected at most 3, as the 12 images are in 3 groups"):
        fold_dataset(index_of(images), folds=4, seed=0)


def published(name: str) -> DatasetIndex:
    if not (PUBLISHED / name).is_dir():
        pytest.skip(f"{PUBLISHED / name} is not here")
    index = read_dataset(PUBLISHED / name).index
    assert index is not None
    return index


def test_exposures_of_one_real_tile_stay_in_one_fold_and_every_defect_is_in_each() -> None:
    index = published("magnetic_tile_masks")
    group_of = {one.path: one.group or one.path for one in index.images}
    folds = fold_dataset(index, folds=4, seed=0)
    held = defaultdict(set)
    for number, split in enumerate(folds):
        # Five defects and none at all; the rarest of them is on four tiles only.
        assert len({path.split("/")[0] for path in split.validation}) == 6
        for path in split.validation:
            held[group_of[path]].add(number)
    assert {len(found) for found in held.values()} == {1}
    assert sum(tile.startswith("tile ") for tile in held) >= 20
    assert max(len(split.validation) for split in folds) < 50


def test_real_grades_are_spread_evenly() -> None:
    index = published("psa_grades_150x200")
    assert len(index.grades) == 10
    for split in fold_dataset(index, folds=4, seed=3):
        found = Counter(path.split("/")[0] for path in split.validation)
        assert len(found) == 10
        assert all(7 <= count <= 9 for count in found.values())
    parts = [Counter(path.split("/")[0] for path in part) for part in parts_of(split_dataset(index, seed=3))]
    assert [len(part) for part in parts] == [10, 10, 10]
    assert all(21 <= parts[0][grade] <= 24 for grade in parts[0])


def test_a_group_that_is_declared_counts_as_any_other() -> None:
    images = [image(f"{number:02d}", labels=(1,)) for number in range(20)]
    tied = [replace(one, group="card 1") if one.path in ("03", "11", "17") else one for one in images]
    for seed in range(5):
        split = split_dataset(index_of(tied), seed=seed)
        assert sum(bool({"03", "11", "17"} & set(part)) for part in parts_of(split)) == 1
