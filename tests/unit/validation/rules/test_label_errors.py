"""Planted label errors are among the suspects of out-of-fold predictions, and sound labels are hardly."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truscore.datasets import DatasetIndex, ImageRecord, annotation_mask, index_to_json, mask_to_rle
from truscore.validation import Finding, report_to_json
from truscore.validation.report.amend import InvalidReport, amended_report, findings_from_predictions
from truscore.validation.rules.label_errors import (
    InvalidPredictions,
    PredictedBox,
    suspect_boxes,
    suspect_classes,
    suspect_masks,
)
from typer.testing import CliRunner

from services.cli.app import app
from tests.unit.validation.small_datasets import mark, sound_read_result, validated

pytest.importorskip("cleanlab", reason="label errors need the `audit` extra")

CLASSES, IMAGES, WRONG = 4, 240, 16
BOX = (10.0, 10.0, 40.0, 30.0)


def pictured(number: int, **changes: object) -> ImageRecord:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    plain = ImageRecord(path=f"{number:03}.png", sha256=digest, size_bytes=1, width=96, height=72)
    return replace(plain, **changes)


def of(images: list[ImageRecord], classes: int) -> DatasetIndex:
    names = tuple(f"grade {number}" for number in range(1, classes + 1))
    return DatasetIndex(format="folder", class_names=names, images=tuple(images))


def paths(findings: list[Finding]) -> set[str]:
    return {found.location for found in findings}


@pytest.fixture(scope="module")
def graded() -> tuple[DatasetIndex, dict[str, list[float]], set[str]]:
    """A set with wrong labels, and predictions that are right nine times in ten."""
    random = np.random.default_rng(3)
    truth_N = random.integers(CLASSES, size=IMAGES)
    seen_N = np.where(random.random(IMAGES) < 0.9, truth_N, random.integers(CLASSES, size=IMAGES))
    probabilities_NK = random.dirichlet(np.ones(CLASSES), size=IMAGES) * 0.3
    probabilities_NK[np.arange(IMAGES), seen_N] += 0.7
    wrong = set(range(0, IMAGES, IMAGES // WRONG))
    images = [
        pictured(number, labels=(int(truth_N[number] + (number in wrong)) % CLASSES + 1,)) for number in range(IMAGES)
    ]
    predictions = {image.path: row.tolist() for image, row in zip(images, probabilities_NK, strict=True)}
    return of(images, CLASSES), predictions, {images[number].path for number in wrong}


def test_most_wrong_classes_are_suspected_and_few_right_ones(graded: tuple) -> None:
    index, predictions, wrong = graded
    found = paths(suspect_classes(index, predictions))
    assert len(found & wrong) >= 0.85 * len(wrong)
    assert len(found - wrong) <= 0.1 * IMAGES


def test_a_suspect_names_the_label_and_what_the_network_believes(graded: tuple) -> None:
    index, predictions, _ = graded
    message = suspect_classes(index, predictions)[0].message
    assert "labelled 'grade " in message
    assert "the network is" in message


def boxes_of(count: int) -> tuple[list[ImageRecord], dict[str, list[PredictedBox]]]:
    images = [pictured(number, annotations=(mark(1 + number % 2, BOX, "one"),)) for number in range(count)]
    predictions = {
        image.path: [PredictedBox(label=1 + number % 2, score=0.97, box_xywh=BOX)]
        for number, image in enumerate(images)
    }
    return images, predictions


def test_overlooked_misplaced_and_misnamed_boxes_are_suspected() -> None:
    images, predictions = boxes_of(40)
    second = PredictedBox(label=1, score=0.99, box_xywh=(60.0, 40.0, 30.0, 25.0))
    predictions["003.png"].append(second)
    images[7] = replace(images[7], annotations=(mark(2, (40.0, 30.0, 40.0, 30.0), "one"),))
    images[11] = replace(images[11], annotations=(mark(1, BOX, "one"),))
    found = suspect_boxes(of(images, 2), predictions)
    assert {"003.png", "007.png", "011.png"} <= paths(found)
    assert len(found) <= 5
    assert any("overlooked" in one.message for one in found)


def test_a_mask_on_the_wrong_side_is_suspected_and_one_that_is_a_pixel_off_is_not() -> None:
    images, _ = boxes_of(20)
    believed = {}
    for image in images:
        probabilities_KHW = np.full((3, 72, 96), 0.02)
        probabilities_KHW[0] = 0.96
        label = image.annotations[0].label
        probabilities_KHW[:, 11:41, 11:51] = 0.02
        probabilities_KHW[label, 11:41, 11:51] = 0.96
        believed[image.path] = probabilities_KHW
    images[4] = replace(images[4], annotations=(mark(1, (55.0, 42.0, 35.0, 25.0), "one"),))
    assert paths(suspect_masks(of(images, 2), believed)) == {"004.png"}


def masked(box: tuple[float, float, float, float], label: int, score: float = 0.96) -> list:
    """A prediction as the file has it: label, score and run lengths of a filled box on an image of 96 x 72."""
    mask_HW = annotation_mask(mark(label, box, "one"), 72, 96)
    rle = mask_to_rle(mask_HW)
    return [label, score, {"size": [rle.height, rle.width], "counts": list(rle.counts)}]


def test_a_wrong_mask_is_suspected_from_a_file_of_predictions_and_amends_the_report(tmp_path: Path) -> None:
    images, _ = boxes_of(20)
    seen = {image.path: [masked(BOX, image.annotations[0].label)] for image in images}
    images[4] = replace(images[4], annotations=(mark(1, (55.0, 42.0, 35.0, 25.0), "one"),))
    content = {
        "index": index_to_json(of(images, 2)),
        "predictions": json.dumps({"masks": seen}),
        "report": report_to_json(validated(sound_read_result()), about={"dataset_id": "cards"}),
    }
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in content]
    result = CliRunner().invoke(app, ["suspects", *files, "--run", "run-7", "--out", str(tmp_path / "amended.json")])
    assert result.exit_code == 0, result.output
    amended = json.loads((tmp_path / "amended.json").read_text())
    assert [one["location"] for one in amended["findings"] if one["rule"] == "label.suspect_mask"] == ["004.png"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (masked(BOX, 3), "accepted are 1 to 2"),
        (masked(BOX, 1, score=1.5), "score 1.5"),
        ([1, 0.9, {"size": [8, 8], "counts": [64]}], "a run-length mask of 8 x 8 on an image of 96 x 72"),
        ([1, 0.9, {"size": [72, 96], "counts": [5]}], "runs cover 5 pixels"),
        ([1, 0.9], "not numbers by image path"),
    ],
)
def test_masks_that_do_not_fit_are_refused(row: list, words: str) -> None:
    images, _ = boxes_of(2)
    with pytest.raises(InvalidPredictions, match=words):
        findings_from_predictions(of(images, 2), json.dumps({"masks": {"000.png": [row]}}))


def test_predictions_of_another_dataset_are_refused_by_name() -> None:
    images, _ = boxes_of(2)
    with pytest.raises(InvalidPredictions, match=r"elsewhere\.png"):
        suspect_classes(of(images, 2), {"elsewhere.png": [0.5, 0.5]})
    with pytest.raises(InvalidPredictions, match="3 probabilities; accepted are 2"):
        suspect_classes(
            of([replace(images[0], labels=(1,)), replace(images[1], labels=(2,))], 2),
            {"000.png": [0.2, 0.3, 0.5], "001.png": [0.5, 0.5, 0.0]},
        )
    with pytest.raises(InvalidPredictions, match="accepted is an object"):
        findings_from_predictions(of(images, 2), "[]")


def test_suspects_are_written_back_to_the_report_and_leave_the_verdict(graded: tuple) -> None:
    index, predictions, _ = graded
    verdict = validated(sound_read_result())
    report = report_to_json(verdict, about={"dataset_id": "cards"})
    found = findings_from_predictions(index, json.dumps({"classes": predictions}))
    amended = json.loads(amended_report(report, found, run_id="run-7"))
    assert amended["accepted"]
    assert amended["counts"]["warning"] == json.loads(report)["counts"]["warning"] + len(found)
    assert amended["rules"]["label.suspect_class"]["count"] == len(found)
    assert amended["about"]["run_id"] == "run-7"
    assert amended["about"]["amends_report"] == hashlib.sha256(report.encode()).hexdigest()
    assert amended["seal"] == {"algorithm": "none", "key_id": ""}


def test_a_text_that_is_no_report_is_refused() -> None:
    with pytest.raises(InvalidReport, match="it lacks some of about, counts"):
        amended_report("{}", [], run_id="run-7")


def test_the_command_names_the_suspects_and_writes_the_amended_report(graded: tuple, tmp_path: Path) -> None:
    index, predictions, wrong = graded
    report = report_to_json(validated(sound_read_result()), about={"dataset_id": "cards"})
    content = {"index": index_to_json(index), "predictions": json.dumps({"classes": predictions}), "report": report}
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in content]
    result = CliRunner().invoke(app, ["suspects", *files, "--run", "run-7", "--out", str(tmp_path / "amended.json")])
    assert result.exit_code == 0
    assert sum(path in result.output for path in wrong) >= 0.85 * len(wrong)
    assert json.loads((tmp_path / "amended.json").read_text())["about"]["run_id"] == "run-7"


def bordered(number: int, *, swapped: bool = False) -> tuple[ImageRecord, list[PredictedBox]]:
    """Two borders, one within the other, as the network sees them and as they are labelled."""
    outer, inner = (10.0 + number % 5, 8.0, 60.0, 56.0), (15.0 + number % 5, 13.0, 50.0, 46.0)
    labels = (2, 1) if swapped else (1, 2)
    marks = tuple(mark(label, box, str(label)) for label, box in zip(labels, (outer, inner), strict=True))
    seen = [PredictedBox(label=label, score=0.97, box_xywh=box) for label, box in ((1, outer), (2, inner))]
    return pictured(number, annotations=marks), seen


def test_borders_whose_names_are_exchanged_are_suspected_though_they_overlap() -> None:
    pairs = [bordered(number, swapped=number == 7) for number in range(30)]
    believed = {image.path: seen for image, seen in pairs}
    (found,) = suspect_boxes(of([image for image, _ in pairs], 2), believed)
    assert found.location == "007.png"
    assert "wrong class" in found.message


def test_a_border_that_the_network_did_not_see_is_not_taken_for_misnamed() -> None:
    pairs = [bordered(number) for number in range(30)]
    believed = {image.path: seen if number else seen[1:] for number, (image, seen) in enumerate(pairs)}
    found = suspect_boxes(of([image for image, _ in pairs], 2), believed)
    assert not [one for one in found if "wrong class" in one.message]


def test_one_wrong_class_among_sure_and_right_predictions_is_suspected() -> None:
    images = [pictured(number, labels=(number % 3 + 1,)) for number in range(60)]
    sure = [0.72 if number == 20 else 0.9 for number in range(60)]
    believed = {f"{n:03}.png": [sure[n] if k == n % 3 else (1 - sure[n]) / 2 for k in range(3)] for n in range(60)}
    images[20] = replace(images[20], labels=(1,))
    assert paths(suspect_classes(of(images, 3), believed)) == {"020.png"}
