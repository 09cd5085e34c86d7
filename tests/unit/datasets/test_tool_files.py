"""What holds for the readers of all annotation tools: sound files, files without a mark, damaged files."""

from pathlib import Path

import pytest
from disk_datasets import codes
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_files import SOUND
from truscore.datasets import Limits, read_dataset, recognise_format

# Open Images has no row for an image without boxes.
QUIET = {"format.image_elsewhere", "format.image_unlisted"}


@pytest.mark.parametrize("name", sorted(SOUND))
def test_a_sound_set_is_recognised_and_read(name: str, tmp_path: Path) -> None:
    SOUND[name](tmp_path)
    assert recognise_format(tmp_path) == name
    reading = read_dataset(tmp_path)
    assert codes(reading) <= QUIET | {"label.unused_category"}
    assert reading.index is not None
    first, *others = reading.index.images
    (mark,) = first.annotations
    assert reading.index.class_names[mark.label - 1] == "dent"
    assert mark.box_xywh == pytest.approx((5, 6, 10, 8), abs=0.01)
    assert all(image.annotations == () for image in others)


@pytest.mark.parametrize("name", sorted(SOUND))
def test_a_folder_without_such_a_file_says_so(name: str, tmp_path: Path) -> None:
    SOUND[name](tmp_path).unlink()
    reading = read_dataset(tmp_path, format=name)
    # Supervisely has a file for each image: that of the other is still there.
    assert codes(reading) & {"format.annotations.missing", "format.image_unlisted"}
    assert reading.index is None or reading.index.annotation_count == 0


@pytest.mark.parametrize("name", sorted(SOUND))
def test_a_file_that_is_too_large_is_not_read(name: str, tmp_path: Path) -> None:
    SOUND[name](tmp_path)
    reading = read_dataset(tmp_path, format=name, limits=Limits(annotation_file_bytes=50, label_file_bytes=50))
    assert "format.annotations.unreadable" in codes(reading)
    assert reading.index is None or reading.index.annotation_count == 0


@pytest.mark.parametrize("name", sorted(SOUND))
@settings(max_examples=40, deadline=None)
@given(at=st.floats(0, 1), length=st.integers(0, 40), instead=st.binary(max_size=6), start=st.integers(0, 3))
def test_a_damaged_file_is_read_or_reported(
    name: str, at: float, length: int, instead: bytes, start: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    file = SOUND[name](folder)
    content = file.read_bytes()
    place = int(at * len(content))
    swapped = (b'"-1"', b"null", b"[[]]", instead)[start]
    file.write_bytes(content[:place] + swapped + content[place + length :])
    reading = read_dataset(folder, format=name)
    assert reading.index is not None or reading.problems


@pytest.mark.parametrize("name", sorted(SOUND))
def test_text_in_utf_16_is_read_and_said(name: str, tmp_path: Path) -> None:
    file = SOUND[name](tmp_path)
    text = file.read_text()
    file.write_text(text.replace('encoding="utf-8"', 'encoding="utf-16"'), encoding="utf-16")
    reading = read_dataset(tmp_path)
    assert reading.index is not None
    assert reading.index.format == name
    assert reading.index.annotation_count == 1
