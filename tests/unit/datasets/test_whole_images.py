"""What an index says of whole images, and that saying nothing leaves it as it was."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets import (
    Annotation,
    DatasetIndex,
    ImageRecord,
    index_digest,
    index_from_json,
    index_to_json,
    split_dataset,
)
from truscore.datasets.index.class_order import CONDITION_GRADES, grades_of, natural_key, order_classes
from truscore.datasets.splitting.name_groups import groups_by_name

names = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)
images = st.builds(
    ImageRecord,
    path=names,
    sha256=names,
    size_bytes=st.just(1),
    width=st.just(4),
    height=st.just(3),
    labels=st.none() | st.lists(st.integers(1, 5), max_size=3).map(tuple),
    scores=st.lists(st.tuples(names, values), max_size=2).map(tuple),
    annotations=st.lists(
        st.builds(
            Annotation,
            label=st.just(1),
            box_xywh=st.just((0.0, 0.0, 1.0, 1.0)),
            shape=st.sampled_from(["", "line"]),
            points=st.lists(values, max_size=4).map(tuple),
        ),
        max_size=1,
    ).map(tuple),
)
indexes = st.builds(
    DatasetIndex,
    format=names,
    class_names=st.just(("a", "b")),
    images=st.lists(images, max_size=3, unique_by=lambda image: image.path).map(tuple),
    grades=st.lists(values, max_size=2).map(tuple),
)


def image(path: str, **stated: object) -> ImageRecord:
    return ImageRecord(path=path, sha256=path, size_bytes=1, width=4, height=3, **stated)


@settings(max_examples=50, deadline=None)
@given(indexes)
def test_labels_scores_grades_and_strokes_come_back_from_json(index: DatasetIndex) -> None:
    back = index_from_json(index_to_json(index))
    assert back == replace(index, images=tuple(sorted(index.images, key=lambda image: image.path)))


def test_an_index_that_says_nothing_of_whole_images_has_the_keys_of_older_releases() -> None:
    mark = Annotation(label=1, box_xywh=(0.0, 0.0, 1.0, 1.0))
    plain = json.loads(
        index_to_json(DatasetIndex(format="", class_names=("a",), images=(image("a", annotations=(mark,)),)))
    )
    assert plain.keys() == {"schema", "format", "class_names", "images"}
    assert not plain["images"][0].keys() & {"labels", "scores"}
    assert plain["images"][0]["annotations"][0].keys() == {"label", "box", "source_id"}


def test_nothing_labelled_and_labelled_to_have_nothing_are_different_datasets() -> None:
    silent, empty = (
        DatasetIndex(format="", class_names=("a",), images=(image("a", labels=stated),)) for stated in (None, ())
    )
    assert index_digest(silent) != index_digest(empty)
    assert not silent.images[0].is_annotated
    assert empty.images[0].is_annotated


def test_whole_image_classes_are_spread_over_the_parts_of_a_split() -> None:
    rare = [image(f"rare{number}", labels=(2,)) for number in range(8)]
    common = [image(f"common{number}", labels=(1,)) for number in range(36)]
    split = split_dataset(DatasetIndex(format="", class_names=("a", "b"), images=(*rare, *common)), seed=1)
    assert all(any(path.startswith("rare") for path in part) for part in (split.train, split.validation, split.test))


@pytest.mark.parametrize(
    ("names", "ordered", "grades"),
    [
        (["psa10", "psa1", "psa2"], ("psa1", "psa2", "psa10"), (1.0, 2.0, 10.0)),
        (["10", "9.5", "9"], ("9", "9.5", "10"), (9.0, 9.5, 10.0)),
        (["NM", "LP+", "DAMAGED", "lp-"], ("DAMAGED", "lp-", "LP+", "NM"), (1.0, 8.0, 10.0, 12.0)),
        (["img10", "img2"], ("img2", "img10"), ()),
        (["psa1", "unknown"], ("psa1", "unknown"), ()),
        (["grade 7", "psa7"], ("grade 7", "psa7"), ()),
        (["cat"], ("cat",), ()),
    ],
)
def test_classes_are_ordered_as_people_mean_them(
    names: list[str], ordered: tuple[str, ...], grades: tuple[float, ...]
) -> None:
    assert order_classes(names) == ordered
    assert grades_of(ordered) == grades


def test_words_that_were_declared_to_be_grades_are_grades() -> None:
    declared = {"fine": 3.0, "poor": 1.0, "fair": 2.0}
    assert order_classes(["fine", "fair", "poor"], declared=declared) == ("poor", "fair", "fine")
    assert grades_of(("poor", "fair", "fine"), declared=declared) == (1.0, 2.0, 3.0)


def test_condition_words_have_one_rank_each_and_rise() -> None:
    ranked = [CONDITION_GRADES[word] for word in ("damaged", "hp", "mp-", "mp", "mp+", "lp", "nm", "m")]
    assert ranked == sorted(set(ranked))


@given(st.lists(st.integers(0, 10**6), unique=True), st.text(st.characters(exclude_categories=["N", "Cs"]), max_size=4))
def test_numbers_in_names_are_ordered_by_their_value(numbers: list[int], stem: str) -> None:
    names = [f"{stem}{number}" for number in numbers]
    assert sorted(names, key=natural_key) == [f"{stem}{number}" for number in sorted(numbers)]


@pytest.mark.parametrize(
    ("paths", "groups"),
    [
        (["raw/A_1/A_Up.jpg", "raw/A_1/A_Down.jpg", "raw/B_1/B_Up.jpg", "raw/B_1/B_Left.jpg"], [{0, 1}, {2, 3}]),
        (["raw/A_1/A_Up.jpg", "raw/A_1/A_Down.jpg", "processed/A_1.jpg"], [{0, 1, 2}]),
        (["images/A_top.jpg", "images/A_left.jpg", "images/B_top.jpg", "images/B_left.jpg"], [{0, 1}, {2, 3}]),
        (["x/exp1_num_10.jpg", "y/exp2_num_30.jpg", "x/exp3_num_60.jpg", "x/exp1_num_70.jpg"], [{0, 1, 2}]),
        (["x/exp1_num_10.jpg", "x/exp2_num_900.jpg"], []),
        (["card7.jpg", "card7_flip.jpg", "card7_rot_2.jpg", "card8.jpg"], [{0, 1, 2}]),
        (["corner_aug_1.jpg", "corner_aug_2.jpg"], []),
        (["00041000_test.jpg", "00041000_temp.jpg", "00041001_test.jpg"], [{0, 1}]),
        (["a.jpg", "b.jpg", "turn_left.jpg"], []),
    ],
)
def test_images_of_one_source_are_found_by_their_names(paths: list[str], groups: list[set[int]]) -> None:
    found: dict[str, set[int]] = {}
    for path, name in groups_by_name(paths).items():
        found.setdefault(name, set()).add(paths.index(path))
    assert sorted(found.values(), key=min) == groups
