"""For every reader: the marks in the files are those that are read and those that are refused by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from disk_datasets import codes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks_in_files import NAMES, WRITTEN, Marks
from truscore.datasets import FORMATS, ReadResult, read_dataset

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}
# Each of these says of one mark that it is left out, and why.
REFUSALS = {
    "format.annotations.structure",
    "format.folder.no_class",
    "format.multi_light.value",
    "label.empty_box",
    "label.empty_mask",
    "label.invalid_rle",
    "label.kind_unread",
    "label.malformed",
    "label.mask_size",
    "label.mask_unreadable",
    "label.unknown_category",
    "label.unknown_image",
}


def test_every_reader_is_looked_at() -> None:
    assert set(WRITTEN) == set(FORMATS)


def marks_read(reading: ReadResult, format: str) -> int:
    if reading.index is None:
        return 0
    images = reading.index.images
    if format == "folder":
        return sum(len(image.labels or ()) for image in images)
    if format == "multi_light":
        return sum(image.light is not None and image.light.direction is not None for image in images)
    return reading.index.annotation_count


def marks_refused(reading: ReadResult, images: Sequence[Marks]) -> int:
    refused = sum(problem.count for problem in reading.problems if problem.code in REFUSALS)
    if "format.image_missing" in codes(reading):
        # All marks of an image that is not there are refused with it.
        refused += sum(kinds.count("image") for kinds in images)
    if "format.csv.column_unused" in codes(reading):
        # A table without one number has no boxes: its columns are named.
        refused += sum(map(len, images)) - refused
    return refused


def read(format: str, images: Sequence[Marks]) -> ReadResult:
    with TemporaryDirectory() as name:
        WRITTEN[format].write(Path(name), images)
        return read_dataset(Path(name), format=format)


def drawn_images(format: str, *, faults: Sequence[str], least: int = 0) -> st.SearchStrategy[list[list[str]]]:
    kinds = st.lists(st.sampled_from(["good", *faults]), min_size=least, max_size=WRITTEN[format].most)
    return st.lists(kinds, min_size=len(NAMES), max_size=len(NAMES)).filter(any)


@pytest.mark.parametrize("format", sorted(WRITTEN))
@settings(max_examples=6, **SLOW)
@given(data=st.data())
def test_marks_in_the_files_are_read_or_refused_by_name(format: str, data: st.DataObject) -> None:
    images = data.draw(drawn_images(format, faults=WRITTEN[format].faults))
    reading = read(format, images)
    written = sum(map(len, images))
    counted = {"read": marks_read(reading, format), "refused": marks_refused(reading, images)}
    assert sum(counted.values()) == written, (counted, images, reading.problems)


@pytest.mark.parametrize("format", sorted(WRITTEN))
@settings(max_examples=3, **SLOW)
@given(data=st.data())
def test_a_mark_that_is_taken_out_of_the_files_is_missed(format: str, data: st.DataObject) -> None:
    images = data.draw(drawn_images(format, faults=(), least=1))
    at = data.draw(st.sampled_from([number for number, kinds in enumerate(images) if kinds]))
    less = [kinds[:-1] if number == at else kinds for number, kinds in enumerate(images)]
    before, after = read(format, images), read(format, less)
    assert marks_read(before, format) == sum(map(len, images)), before.problems
    assert marks_read(after, format) == marks_read(before, format) - 1


@pytest.mark.parametrize(
    ("format", "file", "before", "after"),
    [
        ("via", "via_region_data.json", '"b.png1"', '"a.png1"'),
        ("coco", "annotations.json", '"categories"', '"images": [], "categories"'),
        ("labelme", "a.json", '"flags"', '"shapes": [], "flags"'),
        ("label_studio", "export.json", '"annotations"', '"data": {"image": "c.png"}, "annotations"'),
        ("supervisely", "ds/ann/a.png.json", '"tags"', '"objects": [], "tags"'),
        ("datumaro", "annotations/default.json", '"items"', '"items": [], "items"'),
        ("create_ml", "_annotations.createml.json", '"annotations"', '"annotations": [], "annotations"'),
        ("coco_panoptic", "annotations/panoptic_train.json", '"images"', '"annotations": [], "images"'),
        ("truscore", "dataset-index.json", '"images"', '"images":[],"images"'),
    ],
)
def test_a_key_that_is_twice_in_an_object_of_json_is_named(
    format: str, file: str, before: str, after: str, tmp_path: Path
) -> None:
    WRITTEN[format].write(tmp_path, [["good"], ["good"], ["good"]])
    text = (tmp_path / file).read_text()
    assert before in text
    (tmp_path / file).write_text(text.replace(before, after, 1))
    reading = read_dataset(tmp_path, format=format)
    named = [problem.message for problem in reading.problems if "is there twice in one object" in problem.message]
    assert any(after.split('"')[1] in message for message in named), reading.problems


def test_pictures_that_cannot_be_decoded_and_unknown_files_are_named_by_kind(tmp_path: Path) -> None:
    WRITTEN["coco"].write(tmp_path, [["good"], ["good"], ["good"]])
    for name in ("d.jxl", "raw/e.DNG", "raw/f.dng", "weights.pth"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"something")
    (tmp_path / "g.avif").write_bytes(b"\0\0\0\x1cftypavif")
    found = {(problem.code, problem.message) for problem in read_dataset(tmp_path).problems}
    assert ("format.pictures_unread", "1 .jxl files cannot be decoded here: d.jxl") in found
    assert ("format.pictures_unread", "2 .dng files cannot be decoded here: raw/e.DNG, raw/f.dng") in found
    assert ("format.file_unknown", "no reader looks at 1 .pth files: weights.pth") in found
    # Named as an image: it is looked for in the annotations, as any other.
    assert ("format.image_unlisted", "the annotations do not name this image") in found


FAULTS: Mapping[str, tuple[str, ...]] = {name: written.faults for name, written in WRITTEN.items() if written.faults}


@pytest.mark.parametrize(("format", "fault"), [(name, fault) for name, faults in FAULTS.items() for fault in faults])
def test_a_spoilt_mark_is_named_and_the_others_are_read(format: str, fault: str) -> None:
    images = [["good"], [fault], ["good"]] if fault != "again" else [["good"], ["good", "again"], []]
    reading = read(format, images)
    assert marks_read(reading, format) == (3 if fault == "again" else 2)
    assert (codes(reading) & (REFUSALS | {"format.image_missing"}) == set()) == (fault == "again")
