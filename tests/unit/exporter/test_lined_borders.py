"""Borders of a model with a second stage are held to the lines of their sides, at the pictures' own size."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn
from truscore.datasets import Annotation, ImageRecord

from services.exporter.child.export_target import Answers, ExportTarget, Picture
from services.exporter.child.gate import Gate, failure
from services.exporter.child.instances import check_detections
from services.exporter.child.lined_borders import LinedBorders
from services.exporter.release import Parity
from services.exporter.signature import instance_signature, with_lines

NAMES = ("outer_border", "graphical_border")
CARDS = ((100.0, 120.0, 1500.0, 2100.0), (160.0, 200.0, 1440.0, 2000.0))  # xyxy, of a scan of 1600 x 2200


def record(number: int) -> ImageRecord:
    marks = tuple(
        Annotation(label=label, box_xywh=(x1, y1, x2 - x1, y2 - y1))
        for label, (x1, y1, x2, y2) in enumerate(CARDS, start=1)
    )
    return ImageRecord(
        path=f"{number}.png", sha256="", size_bytes=1, width=1600, height=2200, annotations=marks
    )  # fmt: skip


def answered(*, right: float = 0.0, confidence: float = 0.9) -> Answers:
    """Boxes 20 px off, as a first stage places them; lines where they are, or ``right`` of that."""
    boxes = np.array(CARDS, dtype=np.float32)
    corners = np.array([[(x1, y1), (x2, y1), (x2, y2), (x1, y2)] for x1, y1, x2, y2 in CARDS], dtype=np.float32)
    corners[1, :, 0] += right
    return {
        "boxes": boxes + 20,
        "labels": np.array([1, 2]),
        "scores": np.array([0.9, 0.8], dtype=np.float32),
        "masks": np.zeros((2, 1, 4, 4), dtype=np.float32),
        "corners": corners,
        "line_confidence": np.full((2, 4), confidence, dtype=np.float32),
        "line_deviation": np.full((2, 4), 0.5, dtype=np.float32),
    }


@pytest.fixture
def lined() -> LinedBorders:
    return LinedBorders(records=(record(0), record(1)), class_names=NAMES, training=(record(2),))


def test_lines_are_measured_in_pixels_of_the_picture_and_not_the_boxes(lined: LinedBorders) -> None:
    exact, moved = (lined.metrics([answered(right=right)] * 2) for right in (0.0, 8.0))
    assert exact["edge_error_all_px"] == pytest.approx(0, abs=1e-3)
    assert exact["box_edge_error_px"] == pytest.approx(20, abs=0.1)
    # Of eight sides two are eight pixels off; 8 of 120 px of margins move centring by 6.7 points on one axis of two.
    assert moved["edge_error_all_px"] == pytest.approx(2, abs=0.1)
    assert moved["centring_error_all_pp"] == pytest.approx(100 * 8 / 120 / 2, abs=0.1)


def test_sides_that_were_not_found_are_no_lines(lined: LinedBorders) -> None:
    assert lined.metrics([answered(confidence=0.0)] * 2)["edge_error_all_px"] == pytest.approx(20, abs=0.1)


def test_a_file_that_moves_lines_alone_is_caught_by_what_they_are_for(lined: LinedBorders) -> None:
    def leniently(pairs: Any, *, precision: str = "float") -> Parity:
        return replace(check_detections(list(pairs), precision=precision), passed=True)

    target = ExportTarget(
        signature=with_lines(instance_signature(NAMES)),
        graph=nn.Identity(),  # nothing is written
        run_eager=lambda picture_CHW: answered(),
        check_parity=leniently,
    )
    pictures: list[Picture] = [np.zeros((3, 4, 4), dtype=np.float32)] * 2
    gate = Gate(target=target, pictures=pictures, purpose=("edge_error_all_px",), lined=lined)
    held = gate.verdict(lambda picture_CHW: answered(), precision="float")
    assert held.passed
    assert {line.metric for line in held.metrics} == {"edge_error_all_px", "centring_error_all_pp"}
    moved = gate.verdict(lambda picture_CHW: answered(right=1.0), precision="float")
    assert not moved.passed
    assert "edge_error_all_px on the validation images is 0.25" in failure(moved, precision="float")
