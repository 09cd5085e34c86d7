"""Nothing vanishes for its value: what stands in XML or in a table in place of a number or a name crashes no reader,
and what is lost by it is named with its file."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from marks_in_files import WRITTEN
from test_wrong_types import content, named
from truscore.datasets import read_dataset

ODD = ("", "text", "NaN", "-inf", "1e999", "9" * 400, "1_000", "0x1f", "\u00bd")
# Nothing is lost where these are not as expected: they are not read, or something else says it.
NOT_READ = re.compile(
    r"Source|Confidence|IsOccluded|IsTruncated|IsGroupOf|ClassId|version|color|type|id|name|size|mode"
)
_XML_VALUE = re.compile(r">(?P<text>[^<>\n]+)<|(?P<key>[\w:]+)=\"(?P<value>[^\"]*)\"")


def spoilt_xml(text: str) -> Iterator[tuple[str, str]]:
    """The text with each of its values replaced in turn, and what was replaced by what."""
    for match in _XML_VALUE.finditer(text):
        group = "text" if match["text"] is not None else "value"
        is_name = not re.fullmatch(r"[\d.,-]+", match[group])
        if match["key"] and NOT_READ.fullmatch(match["key"]):
            continue
        for odd in ODD[:1] if is_name else ODD:
            yield text[: match.start(group)] + odd + text[match.end(group) :], f"{match[0]} -> {odd:.20}"


def spoilt_table(text: str) -> Iterator[tuple[str, str]]:
    header, *rows = list(csv.reader(io.StringIO(text)))
    for at, heading in enumerate(header):
        if NOT_READ.fullmatch(heading):
            continue
        is_name = not re.fullmatch(r"[\d. -]+", rows[0][at])
        # Without run lengths an image has no mask; pandas writes NaN for that.
        odd_ones = [odd for odd in ODD if odd not in {"", "NaN"}] if heading == "EncodedPixels" else ODD
        for odd in ODD[:1] if is_name else odd_ones:
            out = io.StringIO()
            csv.writer(out).writerows([header, [*rows[0][:at], odd, *rows[0][at + 1 :]], *rows[1:]])
            yield out.getvalue(), f"{heading} {rows[0][at]:.20} -> {odd:.20}"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("voc", "a.xml"),
        ("cvat", "annotations.xml"),
        ("csv", "boxes.csv"),
        ("open_images", "train-annotations-bbox.csv"),
        ("run_lengths", "train.csv"),
    ],
)
def test_a_value_that_is_none_takes_nothing_without_a_word(tmp_path: Path, name: str, file: str) -> None:
    WRITTEN[name].write(tmp_path, [["good", "good"], ["good"], ["good"]])
    sound = read_dataset(tmp_path, format=name)
    assert len(content(sound)) >= 3
    text = (tmp_path / file).read_text()
    silent = []
    for spoilt, change in (spoilt_xml if file.endswith("xml") else spoilt_table)(text):
        (tmp_path / file).write_text(spoilt)
        reading = read_dataset(tmp_path, format=name)
        new = named(reading) - named(sound)
        told = [problem for problem in reading.problems if (problem.code, problem.message) in new]
        if content(sound) - content(reading) and not any(problem.location.startswith(file) for problem in told):
            silent.append((change, told))
    assert silent == []
