"""Class names of a dataset version, mapped to those that are wanted."""

import json
from pathlib import Path

import pytest
from disk_datasets import codes, only, picture
from truscore.datasets import (
    Annotation,
    DatasetIndex,
    Declaration,
    ImageRecord,
    InvalidClassMap,
    apply_class_map,
    class_map,
    class_map_from_json,
    read_dataset,
)


def index(*, grades: tuple[float, ...] = ()) -> DatasetIndex:
    def image(path: str, *labels: int, whole: tuple[int, ...] | None = None) -> ImageRecord:
        marks = tuple(Annotation(label=label, box_xywh=(0.0, 0.0, 1.0, 1.0)) for label in labels)
        return ImageRecord(path=path, sha256=path, size_bytes=1, width=4, height=3, annotations=marks, labels=whole)

    images = (
        image("a", 1, 2, 3),
        image("b", 3),
        image("c", whole=(1, 2)),
        image("d", whole=()),
        image("e", whole=(3,)),
    )
    return DatasetIndex(format="coco", class_names=("cizik", "gocuk", "far_hasar"), images=images, grades=grades)


DAMAGE = {"cizik": "scratch", "gocuk": "dent", "far_hasar": None}


def test_a_map_renames_merges_and_leaves_out() -> None:
    mapped = apply_class_map(index(), class_map(DAMAGE, classes=("dent", "scratch", "stain")))
    assert mapped.class_names == ("dent", "scratch", "stain")
    assert [[mark.label for mark in image.annotations] for image in mapped.images] == [[2, 1], [], [], [], []]
    assert [image.labels for image in mapped.images] == [None, None, (1, 2), (), None]
    merged = apply_class_map(index(), class_map({"cizik": "damage", "gocuk": "damage", "far_hasar": "damage"}))
    assert merged.class_names == ("damage",)
    assert merged.images[2].labels == (1,)


def test_without_wanted_classes_they_are_those_of_the_map_in_order_of_mention() -> None:
    assert class_map_from_json(json.dumps(DAMAGE)).classes == ("scratch", "dent")


@pytest.mark.parametrize(
    ("names", "stated"),
    [
        ({"cizik": "scratch", "gocuk": "dent"}, r"\['far_hasar'\] of the dataset are not mapped"),
        (DAMAGE | {"airbag": None}, r"the map names \['airbag'\]"),
    ],
)
def test_a_name_that_only_one_side_knows_is_refused(names: dict, stated: str) -> None:
    with pytest.raises(InvalidClassMap, match=stated):
        apply_class_map(index(), class_map(names))


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "expected an object"),
        ('{"a": 1}', "expected an object"),
        ('{"a": "shine"}', r"\['shine'\] are not wanted; accepted are \['scratch'\]"),
    ],
)
def test_a_map_that_is_none_is_refused(text: str, stated: str) -> None:
    with pytest.raises(InvalidClassMap, match=stated):
        class_map_from_json(text, classes=("scratch",))
    with pytest.raises(InvalidClassMap, match="every class is left out"):
        class_map({"a": None})


def test_grades_are_kept_where_each_class_keeps_its_own() -> None:
    graded = index(grades=(1.0, 2.0, 3.0))
    one_each = {"cizik": "poor", "gocuk": "fair", "far_hasar": "fine"}
    assert apply_class_map(graded, class_map(one_each)).grades == (1.0, 2.0, 3.0)
    assert apply_class_map(graded, class_map(one_each | {"gocuk": "poor"})).grades == ()
    assert apply_class_map(graded, class_map(one_each, classes=("fine", "fair", "poor"))).grades == ()


def folders(root: Path, **declared: object) -> Path:
    for number, name in enumerate(("scratched", "bent")):
        picture(root / name / "1.png", seed=number)
    (root / "truscore.json").write_text(json.dumps(declared))
    return root


def test_a_declared_map_is_applied_when_the_dataset_is_read(tmp_path: Path) -> None:
    reading = read_dataset(folders(tmp_path, class_map={"scratched": "scratch", "bent": "dent"}))
    assert reading.problems == ()
    assert reading.index is not None
    assert reading.index.class_names == ("scratch", "dent")
    assert [image.labels for image in reading.index.images] == [(2,), (1,)]


def test_a_declared_map_that_does_not_fit_is_reported_and_not_applied(tmp_path: Path) -> None:
    reading = read_dataset(folders(tmp_path, class_map={"scratched": "scratch"}))
    assert "['bent']" in only(reading, "format.class_map")
    assert reading.index is not None
    assert reading.index.class_names == ("bent", "scratched")


@pytest.mark.parametrize(
    "declared",
    [
        {"mask_threshold": -1},
        {"mask_threshold": True},
        {"mask_values": "grey"},
        {"classes": ["a", "a"]},
        {"classes": "a"},
        {"grades": {"a": "best"}},
        {"class_map": {"a": 1}},
        {"format": 3},
        {"colour": "red"},
        {"groups": ["a"]},
        {"groups": {"card": "a.jpg"}},
        {"groups": {"card": [""]}},
        {"groups": {"": ["a.jpg"]}},
    ],
)
def test_what_cannot_be_used_of_a_declaration_is_reported(tmp_path: Path, declared: dict) -> None:
    reading = read_dataset(folders(tmp_path, **declared))
    assert next(iter(declared)) in only(reading, "format.declaration")
    assert reading.index is not None


@pytest.mark.parametrize("text", ["{", "[]", "\x00", "[" * 100_000])
def test_a_declaration_that_is_no_object_is_reported(tmp_path: Path, text: str) -> None:
    (folders(tmp_path) / "truscore.json").write_text(text)
    assert "format.declaration" in codes(read_dataset(tmp_path))


def test_a_declared_format_stands_above_a_recognised_one_and_below_a_given_one(tmp_path: Path) -> None:
    root = folders(tmp_path, format="csv")
    assert "format.csv.missing" in codes(read_dataset(root))
    assert read_dataset(root, format="folder").problems == ()
    assert read_dataset(root, declaration=Declaration()).problems == ()
    assert "format.unrecognised" in codes(read_dataset(folders(tmp_path, format="tiff")))
