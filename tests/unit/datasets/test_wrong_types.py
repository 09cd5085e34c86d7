"""Nothing vanishes for its type: a value of JSON that is of another type than expected crashes no reader, and what is
lost by it is named."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from every_kind_of_mark import EVERY_KIND
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truscore.datasets import ReadResult, read_dataset

OTHER_VALUES = (True, 7, "text", [], {}, ["text"], {"text": 7}, None)
# What may be left away: that nothing is said is no loss.
MAY_BE_NOTHING = {
    "flags", "labels", "tags", "value", "supercategory", "objects", "shapes", "regions", "result", "metadata", "av",
    "file_attributes", "classifications", "annotations", "scores", "xy", "type", "region_attributes", "segmentation",
    "written_grade",
}  # fmt: skip
NOT_READ = {"id", "was_cancelled", "interior"}

Place = tuple[str | int, ...]


def places(value: Any, above: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of a JSON document with where it is."""
    yield above, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*above, key))


def with_other(document: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


def content(reading: ReadResult) -> set[tuple[object, ...]]:
    """What is read of each image."""
    index = reading.index
    if index is None:
        return set()
    marks = {
        (image.path, index.class_names[mark.label - 1], tuple(round(side) for side in mark.box_xywh), mark.shape)
        for image in index.images
        for mark in image.annotations
    }
    labels = {(image.path, index.class_names[label - 1]) for image in index.images for label in image.labels or ()}
    return marks | labels | {(image.path, *score) for image in index.images for score in image.scores}


def named(reading: ReadResult) -> set[tuple[str, str]]:
    return {(problem.code, problem.message) for problem in reading.problems}


def of_another_type(value: Any, other: Any, place: Place) -> bool:
    if type(value) is type(other) or {type(value), type(other)} == {int, float}:
        return False
    empty = other is None or other in ([], {})
    return not (empty and place and place[-1] in MAY_BE_NOTHING) and not set(place[-1:]) & NOT_READ


@pytest.mark.parametrize("name", EVERY_KIND)
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_of_another_type_takes_nothing_without_a_word(name: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        EVERY_KIND[name](folder)
        sound = read_dataset(folder, format=name.removesuffix("_3"))
        assert len(content(sound)) >= 3, sound.problems
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".json", ".manifest", ".ndjson"})
        for _ in range(40):
            file = data.draw(st.sampled_from(files))
            text = file.read_text()
            lines = file.suffix != ".json"
            document = list(map(json.loads, text.splitlines())) if lines else json.loads(text)
            place, value = data.draw(st.sampled_from(list(places(document))))
            other = data.draw(st.sampled_from(OTHER_VALUES))
            if not of_another_type(value, other, place) or (lines and not place):
                continue
            changed = with_other(document, place, other)
            file.write_text("\n".join(map(json.dumps, changed)) if lines else json.dumps(changed))
            spoilt = read_dataset(folder, format=name.removesuffix("_3"))
            lost = content(sound) - content(spoilt)
            assert not lost or named(spoilt) - named(sound), (file.name, place, value, other, lost)
            file.write_text(text)


@pytest.mark.parametrize("odd", ["a task", 7, None, ["a task"]])
def test_an_entry_of_label_studio_that_is_no_task_is_named(tmp_path: Path, odd: object) -> None:
    EVERY_KIND["label_studio"](tmp_path)
    file = tmp_path / "export.json"
    file.write_text(json.dumps([*json.loads(file.read_text()), odd]))
    (problem,) = read_dataset(tmp_path).problems
    assert problem.code == "format.annotations.structure"
    assert problem.message == f"`the list of tasks` holds {odd!r}, expected an object"
    assert problem.location == "export.json#3"
