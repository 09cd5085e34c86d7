"""Text in other encodings than UTF-8, and names of images as other machines write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.datasets.reading.name_index import NameIndex
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.text_file import UnknownEncoding, decode_text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8-sig", "Größe"),
        ("utf-16", "ab;c"),
        ("utf-16-le", '{"imagePath": "a.png"}'),
        ("utf-32", "ab"),
        ("cp1252", "Größe;Müller;Schäden"),
        ("cp1252", "naïve façade – “quoted”"),
        ("cp1251", "царапина;вмятина"),
        ("gb18030", '{"label":"划痕","x":"凹坑"}'),
        ("shift_jis", "傷;キズのある"),
        ("euc_kr", "긁힘;찍힘 모서리가 긁힘 찍힘"),
    ],
)
def test_text_in_the_encodings_that_tools_save_in_is_recognised(encoding: str, text: str) -> None:
    assert decode_text(text.encode(encoding)).text == text


def test_a_declared_encoding_is_taken_where_the_text_is_not_utf_8() -> None:
    assert decode_text("Kratzer ö".encode("cp1250"), declared="cp1250").text == "Kratzer ö"
    assert decode_text("ö".encode(), declared="cp1250").text == "ö"
    with pytest.raises(UnknownEncoding, match="neither UTF-8 nor the declared ascii"):
        decode_text(b"\xf6", declared="ascii")


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_refused(content: bytes) -> None:
    with contextlib.suppress(UnknownEncoding):
        assert isinstance(decode_text(content).text, str)


FILES = ["images/Train/f0.png", "images/Test/f0.png", "b/c.JPG", "x y.png", "d/e.png"]


@pytest.mark.parametrize(
    ("written", "near", "path"),
    [
        ("f0.png", "annotations/instances_Train.json", "images/Train/f0.png"),
        ("f0.png", "annotations/test.json", "images/Test/f0.png"),
        ("C:\\set\\test\\f0.png", "a.json", "images/Test/f0.png"),
        ("c.jpg", "", "b/c.JPG"),
        ("x%20y.png", "", "x y.png"),
        ("https://host/a/x%20y.png?token=1", "", "x y.png"),
        ("/data/local-files/?d=d%2Fe.png", "", "d/e.png"),
        ("/data/upload/3/0123abcd-e.png", "", "d/e.png"),
    ],
)
def test_an_image_is_found_by_the_end_of_its_path(written: str, near: str, path: str) -> None:
    assert NameIndex(FILES, ProblemLog(limit=9)).named(written, near=near) == [path]


def test_several_images_of_one_name_are_not_decided_between() -> None:
    names = NameIndex(FILES, ProblemLog(limit=9))
    assert names.named("f0.png", near="labels.json") == ["images/Test/f0.png", "images/Train/f0.png"]
    assert names.named("other/f0.png", near="train.json") == ["images/Test/f0.png", "images/Train/f0.png"]


@given(st.text(max_size=40))
def test_any_text_names_an_image_or_none(written: str) -> None:
    assert set(NameIndex(FILES, ProblemLog(limit=9)).named(written)) <= set(FILES)
