"""The COCO reader: what it understands, and what it says about the rest."""

import json
from pathlib import Path
from typing import Any

import pytest
from disk_datasets import coco, codes, entry, mark, only, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truscore.datasets import RLE, Limits, annotation_mask, index_digest, read_dataset, recognise_format


def one_image(root: Path, *annotations: dict[str, Any], **lists: Any) -> Path:
    picture(root / "a.png")
    coco(root / "annotations.json", images=[entry()], annotations=annotations, **lists)
    return root


def test_a_box_without_a_polygon_marks_its_rectangle(tmp_path: Path) -> None:
    reading = read_dataset(one_image(tmp_path, mark()))
    assert reading.problems == ()
    assert reading.index is not None
    (annotation,) = reading.index.images[0].annotations
    mask = annotation_mask(annotation, 30, 40)
    assert mask.sum() == 80
    assert mask[6:14, 5:15].all()


def test_polygons_and_both_kinds_of_run_lengths_mark_the_same_pixels(tmp_path: Path) -> None:
    runs = [5 * 30 + 6, *([8, 22] * 9), 8, 1200 - 5 * 30 - 6 - 30 * 9 - 8]
    from pycocotools import mask as coco_mask

    packed = coco_mask.frPyObjects({"size": [30, 40], "counts": runs}, 30, 40)["counts"].decode()
    reading = read_dataset(
        one_image(
            tmp_path,
            mark(1, segmentation=[[5, 6, 15, 6, 15, 14, 5, 14]], bbox=[5, 6, 10, 8]),
            mark(2, segmentation={"size": [30, 40], "counts": runs}, iscrowd=1),
            mark(3, segmentation={"size": [30, 40], "counts": packed}),
            mark(4, segmentation=[5, 6, 15, 6, 15, 14, 5, 14]),
        )
    )
    assert reading.problems == ()
    assert reading.index is not None
    polygon, listed, string, flat = reading.index.images[0].annotations
    assert listed.rle == string.rle == RLE(height=30, width=40, counts=tuple(runs))
    assert listed.crowd
    assert not string.crowd
    assert {annotation.box_xywh for annotation in (polygon, listed, string, flat)} == {(5.0, 6.0, 10.0, 8.0)}
    masks = [annotation_mask(annotation, 30, 40) for annotation in (polygon, listed, string, flat)]
    assert all((mask == masks[0]).all() for mask in masks)


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ({"bbox": [1, 2, float("nan"), 4]}, "label.not_finite"),
        ({"bbox": [1, 2, float("inf"), 4]}, "label.not_finite"),
        ({"bbox": [1, 2, 1e300, 4]}, "label.not_finite"),
        ({"bbox": [1, 2, 3]}, "label.malformed"),
        ({"bbox": [1, 2, "3", 4]}, "label.malformed"),
        ({"bbox": [1, 2, True, 4]}, "label.malformed"),
        ({"bbox": "1,2,3,4"}, "label.malformed"),
        ({"bbox": [1, 2, 0, 4]}, "label.empty_box"),
        ({"bbox": [1, 2, 3, -4]}, "label.empty_box"),
        ({"segmentation": [[1, 2, 3, 4]]}, "label.short_polygon"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "label.malformed"),
        ({"segmentation": "polygon"}, "label.malformed"),
        ({"segmentation": [[1, 1, 1, 5, 1, 9]]}, "label.empty_box"),
        ({"segmentation": []}, "label.malformed"),
        ({"segmentation": {"size": [40, 30], "counts": [1200]}}, "label.invalid_rle"),
        ({"segmentation": {"size": [30, 40], "counts": [1199]}}, "label.invalid_rle"),
        ({"segmentation": {"size": [30, 40], "counts": [-1, 1201]}}, "label.invalid_rle"),
        ({"segmentation": {"size": [30, 40], "counts": [1200]}}, "label.empty_box"),
        ({"segmentation": {"size": [30, 40], "counts": "~~~"}}, "label.invalid_rle"),
        ({"segmentation": {"size": [30, 40], "counts": "oooooooooooooooooooooo"}}, "label.invalid_rle"),
        ({"segmentation": {"counts": [1200]}}, "label.invalid_rle"),
        ({"bbox": [1, 2, 3, 4], "category_id": 9}, "label.unknown_category"),
        ({"bbox": [1, 2, 3, 4], "category_id": [1]}, "label.unknown_category"),
        ({"bbox": [1, 2, 3, 4], "image_id": 77}, "label.unknown_image"),
        ({"bbox": [1, 2, 3, 4], "image_id": {"x": 1}}, "label.unknown_image"),
    ],
)
def test_a_faulty_annotation_is_named_and_the_others_are_read(tmp_path: Path, shape: dict[str, Any], code: str) -> None:
    faulty = {"id": 7, "image_id": 1, "category_id": 1, **shape}
    reading = read_dataset(one_image(tmp_path, faulty, mark(8)))
    assert codes(reading) == {code}
    assert "annotations.json#7" in only(reading, code)
    assert reading.index is not None
    assert [annotation.source_id for annotation in reading.index.images[0].annotations] == ["8"]


def test_roboflow_folders_are_read_together_and_their_parent_category_is_no_class(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "cards", "supercategory": "none"},
        {"id": 1, "name": "outer", "supercategory": "cards"},
        {"id": 2, "name": "inner", "supercategory": "cards"},
    ]
    for number, part in enumerate(("train", "valid")):
        picture(tmp_path / part / "a_jpg.rf.0123456789abcdef.png", seed=number)
        coco(
            tmp_path / part / "_annotations.coco.json",
            images=[entry(0, "a_jpg.rf.0123456789abcdef.png")],
            annotations=[mark(0, 0, 2), mark(1, 0, 1)],
            categories=categories,
        )
    reading = read_dataset(tmp_path)
    assert codes(reading) == {"label.unused_category"}
    assert reading.index is not None
    assert reading.index.class_names == ("outer", "inner")
    assert [image.path.split("/")[0] for image in reading.index.images] == ["train", "valid"]
    assert {image.group for image in reading.index.images} == {"a_jpg"}
    assert [annotation.label for annotation in reading.index.images[0].annotations] == [2, 1]


def test_categories_of_several_files_meet_by_name_and_a_clash_of_ids_is_reported(tmp_path: Path) -> None:
    for number, (one, two) in enumerate([("outer", "inner"), ("inner", "outer")]):
        picture(tmp_path / f"{number}.png", seed=number)
        coco(
            tmp_path / f"{number}.json",
            images=[entry(1, f"{number}.png")],
            annotations=[mark(1, 1, 1), mark(2, 1, 2)],
            categories=[{"id": 1, "name": one}, {"id": 2, "name": two}],
        )
    reading = read_dataset(tmp_path)
    assert codes(reading) == {"format.coco.categories_differ"}
    assert reading.index is not None
    assert reading.index.class_names == ("outer", "inner")
    labels = [[annotation.label for annotation in image.annotations] for image in reading.index.images]
    assert labels == [[1, 2], [2, 1]]


@pytest.mark.parametrize("layout", ["data/images", "images", "."])
def test_images_are_found_beside_the_file_or_in_its_images_folder(tmp_path: Path, layout: str) -> None:
    picture(tmp_path / layout / "a.png")
    coco(tmp_path / "data" / "trainval.json", images=[entry()], annotations=[mark()])
    reading = read_dataset(tmp_path)
    assert reading.problems == ()
    assert reading.index is not None
    assert reading.index.images[0].path == str(Path(layout) / "a.png")


def test_windows_separators_are_understood(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "sub" / "a.png")
    coco(tmp_path / "x.json", images=[entry(1, "images\\sub\\a.png")], annotations=[mark()])
    assert read_dataset(tmp_path).problems == ()


@pytest.mark.parametrize(
    "name", ["../a.png", "/etc/passwd", "C:\\data\\a.png", "x/../../a.png", "..\\a.png", "a\0.png"]
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "a.png")
    root = tmp_path / "set"
    picture(root / "b.png")
    coco(root / "x.json", images=[entry(1, name), entry(2, "b.png")], annotations=[mark(1, 2)])
    reading = read_dataset(root)
    assert codes(reading) == {"format.path_escape"}
    assert reading.index is not None
    assert [image.path for image in reading.index.images] == ["b.png"]


def test_missing_unlisted_ambiguous_and_repeated_images_are_distinguished(tmp_path: Path) -> None:
    for number, name in enumerate(("one.png", "x/twin.png", "y/twin.png", "extra.png")):
        picture(tmp_path / name, seed=number)
    images = [entry(1, "one.png"), entry(2, "./one.png"), entry(3, "z/twin.png"), entry(4, "gone.png")]
    coco(tmp_path / "a" / "x.json", images=images, annotations=[mark()])
    reading = read_dataset(tmp_path)
    assert codes(reading) == {
        "format.duplicate_image",
        "format.image_ambiguous",
        "format.image_missing",
        "format.image_unlisted",
    }
    assert "gone.png" in only(reading, "format.image_missing")
    assert "x/twin.png, y/twin.png" in only(reading, "format.image_ambiguous")


def test_a_wrapped_object_is_reported_and_read(tmp_path: Path) -> None:
    one_image(tmp_path, mark())
    content = json.loads((tmp_path / "annotations.json").read_text())
    (tmp_path / "annotations.json").write_text(json.dumps({"stats": {"n": 1}, "coco_data": content}))
    reading = read_dataset(tmp_path)
    assert codes(reading) == {"format.coco.wrapped"}
    assert "coco_data" in only(reading, "format.coco.wrapped")
    assert reading.index is not None
    assert reading.index.annotation_count == 1


@pytest.mark.parametrize(
    ("declared", "orientation", "code"),
    [
        ((40, 30), 1, None),
        ((30, 40), 1, "format.size_swapped"),
        ((80, 60), 1, "format.size_mismatch"),
        ((None, 30), 1, "format.size_missing"),
        (("40", 30), 1, "format.values_as_text"),
        (("wide", 30), 1, "format.size_missing"),
        ((30, 40), 6, None),
        ((40, 30), 6, "format.exif_ignored"),
        ((40, 30), 3, None),
    ],
)
def test_a_declared_size_is_held_against_the_upright_image(
    tmp_path: Path, declared: tuple[Any, Any], orientation: int, code: str | None
) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    picture(tmp_path / "a.jpg", exif=exif)
    coco(tmp_path / "x.json", images=[entry(1, "a.jpg", *declared)], annotations=[mark()])
    reading = read_dataset(tmp_path)
    assert codes(reading) == ({code} if code else set())
    stated = reading.declared["a.jpg"]
    assert (stated.file, stated.image_id, stated.height) == ("x.json", "1", declared[1])
    assert reading.index is not None
    image = reading.index.images[0]
    assert (image.width, image.height) == ((30, 40) if orientation == 6 else (40, 30))
    assert image.orientation == orientation


def test_repeated_ids_and_wrong_entries_are_reported(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png", seed=1)
    content = {
        "images": [entry(1, "a.png"), entry(1, "b.png"), "not an object", {"id": None, "file_name": "a.png"}],
        "annotations": [mark(1), mark(1), 5],
        "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "x"}],
    }
    (tmp_path / "x.json").write_text(json.dumps(content))
    reading = read_dataset(tmp_path)
    assert {"format.coco.duplicate_id", "format.coco.structure", "format.class_name_duplicate"} <= codes(reading)
    assert reading.index is not None
    assert reading.index.annotation_count == 2


def test_a_file_without_categories_says_so(tmp_path: Path) -> None:
    reading = read_dataset(one_image(tmp_path, mark(), categories=()))
    assert codes(reading) == {"format.coco.no_categories", "label.unknown_category"}


def test_given_class_names_that_differ_are_reported(tmp_path: Path) -> None:
    reading = read_dataset(one_image(tmp_path, mark()), class_names=["border"])
    assert codes(reading) == {"format.class_names_differ"}


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2", '{"images": [NaN', "\x00\x01", '{"a": 1}', "[" * 100_000, "5" * 5000]
)
def test_a_file_that_is_no_coco_is_an_answer_not_a_crash(tmp_path: Path, text: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "x.json").write_text(text)
    assert recognise_format(tmp_path) == ""
    reading = read_dataset(tmp_path, format="coco")
    assert reading.index is None
    assert "format.coco.missing" in codes(reading)


def test_nesting_and_size_of_an_annotation_file_are_bounded(tmp_path: Path) -> None:
    one_image(tmp_path, {**mark(), "extra": [[[[[[1]]]]]]})
    deep = read_dataset(tmp_path, format="coco", limits=Limits(json_depth=6))
    assert "nested deeper than 6" in only(deep, "format.coco.invalid_json")
    large = read_dataset(tmp_path, format="coco", limits=Limits(annotation_file_bytes=100))
    assert "at most 100" in only(large, "format.coco.too_large")


def test_more_annotations_than_the_limit_are_cut_and_reported(tmp_path: Path) -> None:
    marks = [mark(number) for number in range(5)]
    reading = read_dataset(one_image(tmp_path, *marks), limits=Limits(annotations_per_image=3))
    assert "5 annotations, at most 3" in only(reading, "label.too_many")
    assert reading.index is not None
    assert reading.index.annotation_count == 3


def test_many_problems_of_one_kind_are_folded_with_their_count(tmp_path: Path) -> None:
    marks = [mark(number, category=9) for number in range(50)]
    reading = read_dataset(one_image(tmp_path, *marks, mark(99)), limits=Limits(problems_per_code=10))
    found = [problem for problem in reading.problems if problem.code == "label.unknown_category"]
    assert len(found) == 11
    assert sum(problem.count for problem in found) == 50


# With lone surrogates, which JSON can spell and UTF-8 cannot.
names = st.text(st.characters(), max_size=5) | st.just("\ud800") | st.just("long" * 500)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
image_like = st.fixed_dictionaries(
    {}, optional={"id": json_values, "file_name": json_values | st.just("a.png"), "width": json_values}
)
annotation_like = st.fixed_dictionaries(
    {},
    optional={
        "id": json_values,
        "image_id": json_values | st.just(1),
        "category_id": json_values | st.just(1),
        "bbox": json_values | st.lists(st.floats(), max_size=5),
        "segmentation": json_values | st.lists(st.lists(st.floats(), max_size=8), max_size=2),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    images=st.lists(image_like | json_values, max_size=3),
    annotations=st.lists(annotation_like | json_values, max_size=4),
    categories=st.lists(st.fixed_dictionaries({}, optional={"id": json_values, "name": json_values}), max_size=3)
    | json_values,
)
def test_no_json_makes_the_reader_raise(tmp_path: Path, images: Any, annotations: Any, categories: Any) -> None:
    picture(tmp_path / "a.png")
    content = {"images": [entry(), *images], "annotations": [mark(), *annotations], "categories": categories}
    (tmp_path / "x.json").write_text(json.dumps(content))
    reading = read_dataset(tmp_path, format="coco")
    if reading.index is not None:
        assert index_digest(reading.index) == index_digest(reading.index)
