"""Every fault that the reader can name is planted in a folder, found there, and weighed as the catalogue says."""

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from truscore.datasets import CODES, Limits
from truscore.validation import BY_ID, CATALOGUE, Severity, Verdict, rule_counts, validate_folder

from tests.unit.validation.rules.planted_formats import BOUNDED, FURTHER
from tests.unit.validation.small_datasets import GRAPHICAL, OUTER, texture, write_coco, write_yolo, yolo_row

Plant = Callable[[Path, dict], None]


def validated(folder: Path, **arguments: object) -> Verdict:
    return validate_folder(folder, category="border_detection", option="dual_class", **arguments)


def first_image(**changes: object) -> Plant:
    return lambda _folder, content: content["images"][0].update(changes)


def first_mark(**changes: object) -> Plant:
    return lambda _folder, content: content["annotations"][0].update(changes)


def file_is(text: bytes) -> Plant:
    return lambda folder, _content: (folder / "images/000.png").write_bytes(text) and None


def no_files(folder: Path, content: dict) -> None:
    shutil.rmtree(folder / "images")
    content.clear()


def no_annotations_file(_folder: Path, content: dict) -> None:
    content.clear()


def not_json(folder: Path, content: dict) -> None:
    content.clear()
    (folder / "annotations.json").write_text('{"images": [')


def link_outside(folder: Path, _content: dict) -> None:
    (folder / "images/out.png").symlink_to("/etc/hostname")


def name_not_text(folder: Path, _content: dict) -> None:
    texture(95).save(folder / os.fsdecode(b"images/\xff.png"))


def image_gone(folder: Path, _content: dict) -> None:
    (folder / "images/000.png").unlink()


def two_of_a_name(folder: Path, content: dict) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
        texture(90).save(folder / name / "twin.png")
    content["images"][0]["file_name"] = "twin.png"


def extra_image(folder: Path, _content: dict) -> None:
    texture(91).save(folder / "images/extra.png")


def described_twice(_folder: Path, content: dict) -> None:
    content["images"].append({**content["images"][0], "id": 1000})


def stored_size(folder: Path, content: dict) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    texture(92).save(folder / "images/turned.jpg", exif=exif, quality=95)
    content["images"][0]["file_name"] = "images/turned.jpg"


def one_name_twice(_folder: Path, content: dict) -> None:
    content["categories"][1]["name"] = content["categories"][0]["name"]


def wrapped(_folder: Path, content: dict) -> None:
    inner = dict(content)
    content.clear()
    content["coco_data"] = inner


def text_among_marks(_folder: Path, content: dict) -> None:
    content["annotations"].append("a text")


def no_categories(_folder: Path, content: dict) -> None:
    content["categories"] = []


def one_id_twice(_folder: Path, content: dict) -> None:
    content["annotations"][1]["id"] = content["annotations"][0]["id"]


def second_file(folder: Path, content: dict) -> None:
    other = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "something_else"}]}
    (folder / "other.json").write_text(json.dumps(other))


def unused_class(_folder: Path, content: dict) -> None:
    content["categories"].append({"id": 3, "name": "never"})


def cut_off(folder: Path, _content: dict) -> None:
    path = folder / "images/000.png"
    path.write_bytes(path.read_bytes()[:-400])


def flipped_bits(folder: Path, _content: dict) -> None:
    path = folder / "images/000.png"
    raw = bytearray(path.read_bytes())
    place = raw.index(b"IDAT") + 4
    raw[place : place + 8] = b"\xff" * 8
    path.write_bytes(bytes(raw))


def several_pictures(folder: Path, content: dict) -> None:
    texture(93).save(folder / "images/two.tif", save_all=True, append_images=[texture(94)])
    content["images"][0]["file_name"] = "images/two.tif"


SMALL_FILES = Limits(annotation_file_bytes=100)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"

COCO: dict[str, tuple[Plant | None, dict]] = {
    "format.unrecognised": (no_annotations_file, {}),
    "format.empty": (no_files, {}),
    "format.too_many_files": (None, {"limits": Limits(files=3)}),
    "format.path_escape": (first_image(file_name="../../../etc/passwd"), {}),
    "format.link_outside": (link_outside, {}),
    "format.image_missing": (image_gone, {}),
    "format.name_not_text": (name_not_text, {}),
    "format.image_ambiguous": (two_of_a_name, {}),
    "format.image_unlisted": (extra_image, {}),
    "format.duplicate_image": (described_twice, {}),
    "format.size_missing": (first_image(width=None), {}),
    "format.size_swapped": (first_image(width=72, height=96), {}),
    "format.size_mismatch": (first_image(width=192, height=144), {}),
    "format.exif_ignored": (stored_size, {}),
    "format.class_names_differ": (None, {"class_names": ("one", "two")}),
    "format.class_name_duplicate": (one_name_twice, {}),
    "format.coco.missing": (no_annotations_file, {"format": "coco"}),
    "format.coco.invalid_json": (not_json, {"format": "coco"}),
    "format.coco.too_large": (None, {"format": "coco", "limits": SMALL_FILES}),
    "format.coco.wrapped": (wrapped, {}),
    "format.coco.structure": (text_among_marks, {}),
    "format.coco.no_categories": (no_categories, {}),
    "format.coco.duplicate_id": (one_id_twice, {}),
    "format.coco.categories_differ": (second_file, {}),
    "label.malformed": (first_mark(bbox="wide"), {}),
    "label.not_finite": (first_mark(bbox=[math.nan, 1, 2, 3]), {}),
    "label.unknown_category": (first_mark(category_id=99), {}),
    "label.unknown_image": (first_mark(image_id=99), {}),
    "label.empty_box": (first_mark(bbox=[5, 5, 0, 9], segmentation=[]), {}),
    "label.short_polygon": (first_mark(segmentation=[[1, 1, 9, 9]]), {}),
    "label.invalid_rle": (first_mark(segmentation={"size": [72, 96], "counts": [5]}), {}),
    "label.unused_category": (unused_class, {}),
    "label.too_many": (None, {"limits": Limits(annotations_per_image=1)}),
    "image.empty_file": (file_is(b""), {}),
    "image.not_an_image": (file_is(b"<html>a page that says: not found</html>"), {}),
    "image.unsupported": (file_is(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64), {}),
    "image.truncated": (cut_off, {}),
    "image.corrupt": (flipped_bits, {}),
    "image.too_many_pixels": (None, {"limits": Limits(image_pixels=1000)}),
    "image.file_too_large": (None, {"limits": Limits(image_bytes=100)}),
    "image.lfs_pointer": (file_is(LFS), {}),
    "image.several_pictures": (several_pictures, {}),
}


def no_labels(folder: Path) -> None:
    shutil.rmtree(folder / "labels")


def yaml_is(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "data.yaml").write_text(text) and None


def label_is(content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / "labels/000.txt").write_bytes(content) and None


def one_label_gone(folder: Path) -> None:
    (folder / "labels/000.txt").unlink()


def one_image_gone(folder: Path) -> None:
    (folder / "images/000.png").unlink()


YOLO: dict[str, tuple[Callable[[Path], None], dict]] = {
    "format.yolo.missing": (no_labels, {"format": "yolo"}),
    "format.yolo.invalid_yaml": (yaml_is("names: [a, b"), {}),
    "format.yolo.paths_unresolved": (yaml_is("names: [outer_border, graphical_border]\ntrain: ../elsewhere\n"), {}),
    "format.yolo.no_names": (lambda folder: (folder / "data.yaml").unlink(), {"option": "single_class"}),
    "format.yolo.count_mismatch": (yaml_is("names: [outer_border, graphical_border]\nnc: 7\n"), {}),
    "format.yolo.label_unreadable": (label_is(b"\x89PNG\r\n\x1a\n\0\0\0\r"), {}),
    "format.yolo.image_without_label": (one_label_gone, {}),
    "format.yolo.label_without_image": (one_image_gone, {}),
    "label.not_normalised": (label_is(b"0 48.0 36.0 20.0 20.0"), {}),
}


@pytest.mark.parametrize("rule", sorted(COCO))
def test_a_fault_planted_in_a_coco_folder_is_found(rule: str, tmp_path: Path) -> None:
    plant, arguments = COCO[rule]
    assert_found(rule, validated(write_coco(tmp_path / "set", plant=plant), **arguments))


@pytest.mark.parametrize("rule", sorted(YOLO))
def test_a_fault_planted_in_a_yolo_folder_is_found(rule: str, tmp_path: Path) -> None:
    plant, arguments = YOLO[rule]
    folder = write_yolo(tmp_path / "set", plant=plant)
    assert_found(rule, validate_folder(folder, **{"category": "border_detection", "option": "dual_class", **arguments}))


@pytest.mark.parametrize("rule", sorted(FURTHER))
def test_a_fault_planted_in_a_folder_of_another_format_is_found(rule: str, tmp_path: Path) -> None:
    plant, arguments = FURTHER[rule]
    (tmp_path / "set").mkdir()
    plant(tmp_path / "set")
    assert_found(rule, validate_folder(tmp_path / "set", **arguments))


@pytest.mark.parametrize("rule", sorted(BOUNDED))
def test_a_file_of_another_format_is_read_within_bounds(rule: str, tmp_path: Path) -> None:
    plant, limits = BOUNDED[rule]
    (tmp_path / "set").mkdir()
    plant(tmp_path / "set")
    assert_found(
        rule, validate_folder(tmp_path / "set", format=rule.split(".")[1].replace("too_many", "labelme"), limits=limits)
    )


def assert_found(rule: str, verdict: Verdict) -> None:
    assert rule in rule_counts(verdict)
    if BY_ID[rule].severity is Severity.ERROR:
        assert not verdict.accepted


def test_every_code_of_the_reader_has_a_rule_and_a_planted_fault() -> None:
    rules = {rule.id for rule in CATALOGUE}
    assert set(CODES) - rules == set()
    assert set(CODES) - set(COCO) - set(YOLO) - set(FURTHER) == set()


@pytest.mark.parametrize("write", [write_coco, write_yolo])
def test_a_clean_folder_of_fifty_images_has_no_finding(write: Callable[..., Path], tmp_path: Path) -> None:
    verdict = validated(write(tmp_path / "set", 50))
    assert verdict.findings == ()
    assert verdict.accepted
    assert verdict.index.annotation_count == 100


def test_a_truncated_image_in_a_fine_set_rejects_it_and_is_named(tmp_path: Path) -> None:
    verdict = validated(write_coco(tmp_path / "set", plant=cut_off))
    assert not verdict.accepted
    assert [found.location for found in verdict.findings if found.rule == "image.truncated"] == ["images/000.png"]


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def bomb(folder: Path, _content: dict) -> None:
        Image.new("1", (12_000, 12_000)).save(folder / "images/000.png")

    verdict = validated(write_coco(tmp_path / "set", plant=bomb))
    assert not verdict.accepted
    (found,) = [found for found in verdict.findings if found.rule == "image.too_many_pixels"]
    assert found.location == "images/000.png"
    assert verdict.image_stats.keys() == {f"images/{number:03}.png" for number in range(1, 8)}


def test_a_blurred_picture_is_found_among_sharp_ones(tmp_path: Path) -> None:
    from PIL import ImageFilter

    def blur(folder: Path) -> None:
        picture = texture(0).resize((384, 288), Image.Resampling.NEAREST)
        picture.filter(ImageFilter.GaussianBlur(6)).save(folder / "images/000.png")

    verdict = validated(write_yolo(tmp_path / "set", plant=blur))
    blurred = [found.location for found in verdict.findings if found.rule == "quality.blurred_image"]
    assert blurred == ["images/000.png"]


def test_yolo_labels_that_swap_the_borders_are_rejected(tmp_path: Path) -> None:
    def swap(folder: Path) -> None:
        for path in (folder / "labels").iterdir():
            path.write_text(yolo_row(1, OUTER) + "\n" + yolo_row(0, GRAPHICAL))

    verdict = validated(write_yolo(tmp_path / "set", plant=swap))
    assert not verdict.accepted
    assert "label.borders_swapped" in rule_counts(verdict)


def test_a_folder_that_is_not_there_is_an_answer(tmp_path: Path) -> None:
    assert rule_counts(validated(tmp_path / "nowhere")) == {"format.empty": 1}
