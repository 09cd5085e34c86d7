"""Splits: always the same, without leaks, with every class where it can be."""

from collections import Counter
from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets import (
    Annotation,
    DatasetIndex,
    ImageRecord,
    InvalidSplit,
    Split,
    hamming,
    near_duplicates,
    split_dataset,
    split_from_json,
    split_to_json,
)
from truscore.datasets.splitting.grouping import groups_of


def record(
    path: str, *, sha256: str = "", group: str = "", look: str = "", labels: tuple[int, ...] = (1,)
) -> ImageRecord:
    return ImageRecord(
        path=path,
        sha256=sha256 or path,
        size_bytes=1,
        width=10,
        height=10,
        perceptual_hash=look,
        group=group,
        annotations=tuple(Annotation(label=label, box_xywh=(0, 0, 1, 1)) for label in labels),
    )


def index_of(*images: ImageRecord) -> DatasetIndex:
    return DatasetIndex(format="coco", class_names=("a", "b", "c"), images=images)


def part_of(split: Split, path: str) -> str:
    return next(name for name in ("train", "validation", "test") if path in getattr(split, name))


def test_the_same_dataset_and_seed_give_the_same_split_in_any_order() -> None:
    images = [record(f"{number:03d}.jpg") for number in range(50)]
    first = split_dataset(index_of(*images), seed=3)
    assert split_dataset(index_of(*reversed(images)), seed=3) == first
    assert split_dataset(index_of(*images), seed=4).train != first.train
    assert [len(first.train), len(first.validation), len(first.test)] == [35, 8, 7]


groups_and_shas = st.lists(
    st.tuples(st.sampled_from(["", "g1", "g2", "g3"]), st.sampled_from(["", "s1", "s2"]), st.sets(st.integers(1, 3))),
    min_size=2,
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(groups_and_shas, st.integers(0, 5))
def test_every_image_is_in_one_part_and_nothing_related_in_two(
    drawn: list[tuple[str, str, set[int]]], seed: int
) -> None:
    images = [
        record(f"{number:02d}", group=group, sha256=sha, labels=tuple(sorted(labels)))
        for number, (group, sha, labels) in enumerate(drawn)
    ]
    split = split_dataset(index_of(*images), seed=seed)
    assert sorted(split.train + split.validation + split.test) == [image.path for image in images]
    assert split.train
    assert split.validation
    related = [
        pair
        for pair in combinations(images, 2)
        if pair[0].sha256 == pair[1].sha256 or pair[0].group == pair[1].group != ""
    ]
    if any(part_of(split, one.path) != part_of(split, other.path) for one, other in related):
        # Only where all images are one another's relatives.
        linked = {images[0].path}
        for _ in images:
            linked |= {p.path for pair in related for p in pair if linked & {pair[0].path, pair[1].path}}
        assert linked == {image.path for image in images}


def test_look_alikes_stay_together() -> None:
    rng = np.random.default_rng(1)
    looks = [int(value) for value in rng.integers(0, 2**63, size=30, dtype=np.uint64)]
    images = [record(f"{number:02d}-a", look=f"{look:016x}") for number, look in enumerate(looks)]
    images += [record(f"{number:02d}-b", look=f"{look ^ 0b1011:016x}") for number, look in enumerate(looks)]
    split = split_dataset(index_of(*images), seed=0)
    for number in range(30):
        assert part_of(split, f"{number:02d}-a") == part_of(split, f"{number:02d}-b")


def test_plain_pictures_are_not_taken_for_look_alikes() -> None:
    images = [record(f"{number:02d}", look="0000000000000000") for number in range(20)]
    split = split_dataset(index_of(*images), seed=0)
    assert len(split.train) == 14


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=40), st.integers(0, 10_000))
def test_near_links_connect_what_comparing_all_pairs_connects(values: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for value in values[:10]:
        bits = rng.choice(64, size=int(rng.integers(1, 9)), replace=False)
        values = [*values, value ^ sum(1 << int(bit) for bit in bits)]
    hashes = [f"{value:016x}" for value in values if 5 <= value.bit_count() <= 59]
    pairs = [pair for pair in combinations(range(len(hashes)), 2) if hamming(hashes[pair[0]], hashes[pair[1]]) <= 6]
    links = list(near_duplicates(hashes))
    assert {frozenset(link) for link in links} <= {frozenset(pair) for pair in pairs}
    assert components(len(hashes), links) == components(len(hashes), pairs)


def components(count: int, links: Iterable[tuple[int, int]]) -> set[frozenset[int]]:
    found = [{place} for place in range(count)]
    for first, second in links:
        if found[first] is not found[second]:
            found[first] |= found[second]
            for place in found[second]:
                found[place] = found[first]
    return {frozenset(members) for members in found}


def test_thousands_of_pictures_that_all_look_alike_are_grouped_in_one_go() -> None:
    images = [record(f"{number:05d}", look=f"{0xDEADBEEF0000 | number:016x}") for number in range(5000)]
    assert len(groups_of(images)) == 1


def test_a_rare_class_is_in_training_and_validation() -> None:
    images = [record(f"{number:03d}", labels=(1, 2) if number < 8 else (1,)) for number in range(100)]
    split = split_dataset(index_of(*images), seed=5)
    rare = Counter(part_of(split, f"{number:03d}") for number in range(8))
    assert rare["train"] >= 5
    assert rare["validation"] >= 1
    assert len(split.validation) == pytest.approx(15, abs=1)


def test_images_without_annotations_are_spread_too() -> None:
    images = [record(f"{number:03d}", labels=() if number % 2 else (1,)) for number in range(60)]
    split = split_dataset(index_of(*images), seed=5)
    empty = Counter(part_of(split, f"{number:03d}") for number in range(1, 60, 2))
    assert min(empty["train"], empty["validation"], empty["test"]) >= 3


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_small_dataset_has_a_validation_image(count: int) -> None:
    split = split_dataset(index_of(*[record(str(number)) for number in range(count)]), seed=0)
    assert split.train
    assert split.validation


def test_one_image_trains_and_validates_nothing() -> None:
    split = split_dataset(index_of(record("a")), seed=0)
    assert (split.train, split.validation, split.test) == (("a",), (), ())


def test_copies_of_one_source_are_still_split_where_there_is_nothing_else() -> None:
    split = split_dataset(index_of(*[record(str(number), group="one") for number in range(6)]), seed=0)
    assert split.validation


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("images/train", "images/val", "images/test")])
def test_folders_that_split_the_dataset_are_respected(names: tuple[str, str, str]) -> None:
    images = [record(f"{name}/{number}") for name in names for number in range(4)]
    split = split_dataset(index_of(*images), seed=0)
    assert split.train == tuple(f"{names[0]}/{number}" for number in range(4))
    assert split.validation == tuple(f"{names[1]}/{number}" for number in range(4))
    assert split.test == tuple(f"{names[2]}/{number}" for number in range(4))


def test_without_a_validation_folder_it_comes_out_of_training_not_out_of_test() -> None:
    images = [record(f"{name}/{number:02d}") for name in ("train", "test") for number in range(20)]
    split = split_dataset(index_of(*images), seed=0)
    assert split.test == tuple(f"test/{number:02d}" for number in range(20))
    assert {path[:5] for path in split.validation} == {"train"}
    assert len(split.validation) == 3


def test_a_lone_part_or_a_stray_image_means_the_folders_do_not_split() -> None:
    only_valid = split_dataset(index_of(*[record(f"valid/{number}") for number in range(10)]), seed=0)
    assert len(only_valid.train) == 7
    stray = [record("stray"), *[record(f"{name}/{number}") for name in ("train", "valid") for number in range(10)]]
    assert len(split_dataset(index_of(*stray), seed=0).test) == 3


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (0.0, 0.5, 0.5), (1.2, -0.1, -0.1), (0.5, 0.5)])
def test_fractions_that_are_none_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidSplit):
        split_dataset(index_of(record("a")), seed=0, fractions=fractions)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), unique=True), st.integers(0, 2**32))
def test_a_split_comes_back_from_json(paths: list[str], seed: int) -> None:
    split = Split(train=tuple(paths[::3]), validation=tuple(paths[1::3]), test=tuple(paths[2::3]), seed=seed)
    assert split_from_json(split_to_json(split)) == split


@pytest.mark.parametrize("broken", ["", "{}", "[]", '{"train": 1}', "null"])
def test_text_that_is_no_split_is_refused(broken: str) -> None:
    with pytest.raises(InvalidSplit):
        split_from_json(broken)
