"""The report as JSON that fits its published schema, and as a page that anybody may open."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from truscore.datasets import Annotation
from truscore.validation import BY_ID, Policy, Verdict, finding, rejected, report_page, report_to_json, validate_folder
from truscore.validation.report import ReportSignature
from truscore.validation.report.pictures import CORNERS_DRAWN, thumbnail

from tests.unit.validation.small_datasets import (
    mark,
    sound_read_result,
    validated,
    with_annotations,
    write_coco,
    write_images,
    write_yolo,
)

SCHEMA = Path(__file__).parents[4] / "docs" / "dataset-report.schema.json"
ABOUT = {"dataset_id": "cards", "version": "1", "uri": "s3://cards/1/", "category": "", "option": ""}
HOSTILE = "<script>alert('x')</script>\"&"


class Page(HTMLParser):
    """What a browser would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words = ""
        self.highlighted: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[name] for name in ("src", "href", "srcset", "action", "data") if name in given]
        self.handlers += [name for name in given if name.startswith("on")]
        if tag == "polygon" and "highlighted" in given.get("class", ""):
            self.highlighted.append(given["points"])

    def handle_data(self, data: str) -> None:
        self.words += data


def fits(verdict: Verdict, **more: str) -> dict:
    plain = json.loads(
        report_to_json(verdict, about={**ABOUT, **more}, signature=ReportSignature(key_id="0123456789abcdef"))
    )
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(plain)
    return plain


def page_of(verdict: Verdict, root: Path) -> str:
    return report_page(report_to_json(verdict, about=ABOUT), verdict, root=root)


def test_reports_of_real_folders_fit_the_published_schema(tmp_path: Path) -> None:
    def broken(folder: Path, content: dict) -> None:
        (folder / "images/000.png").write_bytes(b"no image")
        content["annotations"][5]["bbox"] = [1, 2, 0, 0]

    assert fits(validate_folder(write_coco(tmp_path / "good")))["accepted"] is True
    assert fits(validate_folder(write_coco(tmp_path / "bad", plant=broken)))["accepted"] is False
    assert fits(validate_folder(write_yolo(tmp_path / "yolo")), path="here")["statistics"]["format"] == "yolo"
    write_images(tmp_path / "bare", 3)
    fits(validate_folder(tmp_path / "bare"))


def test_a_report_on_what_could_not_be_read_fits_too(tmp_path: Path) -> None:
    found = finding(BY_ID["order.reader_crashed"], "died", location="a.png")
    plain = fits(rejected([found], policy=Policy()))
    assert (plain["accepted"], plain["statistics"]) == (False, None)
    page = Page(page_of(rejected([found], policy=Policy()), tmp_path))
    assert "rejected" in page.words
    assert "a.png" in page.words


@pytest.mark.parametrize(
    ("name", "accepted"), [("fruitsnuts_coco", True), ("broken/coco_swapped_width_height", False), ("broken", False)]
)
def test_reports_of_real_data_fit_the_schema(name: str, accepted: bool, shared_data: Path) -> None:
    if not (shared_data / name).is_dir():
        pytest.skip(f"{shared_data} has no {name}")
    plain = fits(validate_folder(shared_data / name))
    assert plain["accepted"] is accepted
    assert plain["statistics"] is not None


def test_the_report_names_the_key_that_signs_it_or_says_that_none_does() -> None:
    verdict = validated(sound_read_result())
    assert json.loads(report_to_json(verdict, about={}))["seal"] == {"algorithm": "none", "key_id": ""}
    assert fits(verdict)["seal"] == {"algorithm": "ed25519", "key_id": "0123456789abcdef"}


def test_equal_datasets_give_the_same_report_and_page_to_the_byte(tmp_path: Path) -> None:
    texts = set()
    for _ in range(2):
        verdict = validate_folder(write_coco(tmp_path / f"set{len(texts)}"))
        texts.add((report_to_json(verdict, about=ABOUT), page_of(verdict, tmp_path / f"set{len(texts)}")))
    assert len(texts) == 1


def test_the_page_runs_nothing_and_fetches_nothing(tmp_path: Path) -> None:
    text = page_of(validate_folder(write_coco(tmp_path / "set")), tmp_path / "set")
    page = Page(text)
    assert page.tags.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base"})
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert page.handlers == []
    assert "default-src 'none'" in text
    assert re.findall(r"url\(|@import|https?://", text) == []


def test_names_out_of_the_dataset_are_text_on_the_page_and_never_markup(tmp_path: Path) -> None:
    def hostile(folder: Path, content: dict) -> None:
        name = "images/<img src=x onerror=alert(1)>.png"
        (folder / "images/000.png").rename(folder / name)
        content["images"][0]["file_name"] = name
        content["categories"][0]["name"] = HOSTILE
        content["annotations"][0]["bbox"] = [0, 0, 0, 0]

    folder = write_coco(tmp_path / "set", plant=hostile)
    page = Page(page_of(validate_folder(folder), folder))
    assert page.handlers == []
    assert "script" not in page.tags
    assert HOSTILE in page.words
    assert "<img src=x onerror=alert(1)>" in page.words
    assert all(address.startswith("data:") for address in page.addresses)


def test_the_annotation_that_a_finding_is_about_is_drawn_as_highlighted(tmp_path: Path) -> None:
    def twice(_folder: Path, content: dict) -> None:
        content["annotations"].append({**content["annotations"][0], "id": 99})

    folder = write_coco(tmp_path / "set", plant=twice)
    verdict = validate_folder(folder)
    assert any(found.rule == "label.duplicate_instance" for found in verdict.findings)
    assert "10,8 80,8 80,64 10,64" in Page(page_of(verdict, folder)).highlighted


def test_an_outline_of_a_hundred_thousand_corners_is_drawn_with_few(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((72, 96, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    turn_N = np.linspace(0, 2 * np.pi, 100_000)
    outline = tuple(np.stack((48 + 30 * np.cos(turn_N), 36 + 30 * np.sin(turn_N)), axis=1).ravel().tolist())
    image = replace(
        sound_read_result(1).index.images[0],
        path="a.png",
        annotations=(Annotation(label=1, box_xywh=(18, 6, 60, 60), polygons=(outline,)),),
    )
    drawn = thumbnail(tmp_path, image, class_names=("a",))
    assert drawn is not None
    assert 50 < len(drawn.marks[0].points.split()) <= CORNERS_DRAWN


def test_an_image_that_is_gone_by_now_is_left_out_of_the_page(tmp_path: Path) -> None:
    assert thumbnail(tmp_path, sound_read_result(1).index.images[0], class_names=()) is None
    assert "data:image/jpeg" not in page_of(validated(sound_read_result()), tmp_path)


def test_heat_is_where_the_boxes_are_however_far_out_they_reach(tmp_path: Path) -> None:
    far = [mark(1, box, "m") for box in ((-1e8, -5, 2e8, 41), (48, 36, 1e9, 1e9))]
    verdict = validated(with_annotations(sound_read_result(1), *far))
    grid = np.array(fits(verdict)["statistics"]["heat"][0]["thousandths"])
    assert (grid[0, 0], grid[-1, 0], grid[0, -1], grid[-1, -1]) == (500, 0, 500, 500)
    assert grid[12, 12] == 500


def test_the_split_table_counts_every_image_and_instance_once() -> None:
    statistics = fits(validated(sound_read_result(40)))["statistics"]
    parts = statistics["split"]["parts"].values()
    assert sum(part["images"] for part in parts) == 40
    assert [sum(column) for column in zip(*(part["by_class"] for part in parts), strict=True)] == [40, 40]
    assert pytest.approx(28, abs=2) == statistics["split"]["parts"]["train"]["images"]
