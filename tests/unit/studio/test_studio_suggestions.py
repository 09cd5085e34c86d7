"""Exported models propose marks: what they say arrives as it is, and what doesn't fit is refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from truscore.datasets.index.records import Annotation
from truscore.datasets.shapes.masks import annotation_mask
from truscore.storage import MemoryStore

from services.studio.access import Role
from services.studio.child.proposals import outlines_of
from tests.unit.inference.exports import KINDS, Export, exported
from tests.unit.studio.constant_model import border_model, write_constant_model
from tests.unit.studio.finished_runs import events_of, monitor_of
from tests.unit.studio.studio_harness import Browser, browser, png

__all__ = ["exported"]

RUN = "run-0000000000000000000a"
QUADS = ((5, 6, 50, 7, 51, 70, 4, 69), (12, 14, 44, 15, 43, 60, 11, 61))


@asynccontextmanager
async def beside_a_model(folder: Path, file: Path, row: tuple[str, str, str], **more: Any) -> AsyncIterator[Browser]:
    """The studio, and a finished run of this row whose model is the file."""
    category, option, architecture = row
    store = MemoryStore()
    events = events_of(store, file, run_id=RUN, category=category, option=option, architecture=architecture)
    async with monitor_of(events) as address:
        async with browser(folder, store=store, monitor_address=address, **more) as one:
            yield one


async def asked(one: Browser, run_id: str = RUN, *, dataset_id: str = "cards") -> Any:
    (image,) = one.studio.drafts.images(dataset_id)
    return await one.http.post(
        f"/api/datasets/{dataset_id}/images/{image.image_id}/suggestions", json={"run_id": run_id}
    )


async def test_borders_come_as_quadrilaterals_with_their_confidence(tmp_path: Path) -> None:
    file = border_model(tmp_path / "model.onnx", QUADS)
    async with beside_a_model(tmp_path, file, ("border_detection", "dual_class", "yolo")) as one:
        await one.make(class_names=["graphical_border", "stamp", "outer_border"])
        await one.upload(png())
        listed = (await one.http.get("/api/datasets/cards/models")).json()["models"]
        assert [(each["run_id"], each["architecture"]) for each in listed] == [(RUN, "yolo")]
        said = (await asked(one)).json()
        outer, graphical = said["shapes"]
        assert (outer["kind"], outer["label"], graphical["label"]) == ("quad", 3, 1)  # the draft's own numbers
        assert outer["points"] == pytest.approx(QUADS[0])
        assert [outer["confidence"], graphical["confidence"]] == pytest.approx([0.97, 0.87])
        (image,) = one.studio.drafts.images("cards")
        revision, document = one.studio.journal.open("cards", image.image_id)
        assert (revision, document.shapes) == (0, {})  # nothing is marked by asking
        await one.make("others", class_names=["outer_border", "stamp"])
        await one.upload(png(), dataset_id="others")
        said = (await asked(one, dataset_id="others")).json()
        assert [shape["label"] for shape in said["shapes"]] == [1]
        assert said["left_out"] == ["'graphical_border', a class that the dataset lacks"]


async def test_a_model_of_damage_proposes_outlines_of_its_pixels(tmp_path: Path) -> None:
    y_HW, x_HW = np.mgrid[:80, :60]
    probability_KHW = np.full((3, 80, 60), 0.1, np.float32)
    probability_KHW[0] = 0.5
    wear_HW = (x_HW - 20) ** 2 + (y_HW - 30) ** 2 < 12**2
    crease_HW = (x_HW > 30) & (y_HW > 60)
    probability_KHW[1, wear_HW], probability_KHW[2, crease_HW] = 0.75, 0.625
    probability_KHW[2, 5, 50] = 0.9  # a speck
    category, option, architecture, names = KINDS["pixels"]
    row = {"category": category, "option": option, "architecture": architecture}
    file = write_constant_model(
        tmp_path / "model.onnx", {"probabilities": probability_KHW}, task="semantic_segmentation",
        class_names=list(names), thresholds={}, **row,
    )  # fmt: skip
    async with beside_a_model(tmp_path, file, (category, option, architecture)) as one:
        await one.make(category=category, option=option, class_names=["crease", "wear"])
        await one.upload(png())
        said = (await asked(one)).json()
    assert [(shape["kind"], shape["label"], shape["confidence"]) for shape in said["shapes"]] == [
        ("polygon", 2, 0.75),
        ("polygon", 1, 0.625),
    ]
    for shape, mask_HW in zip(said["shapes"], (wear_HW, crease_HW), strict=True):
        outline = Annotation(label=1, box_xywh=(0, 0, 1, 1), polygons=(tuple(shape["points"]),))
        drawn_HW = annotation_mask(outline, 80, 60)
        assert (drawn_HW & mask_HW).sum() / (drawn_HW | mask_HW).sum() > 0.9


async def test_a_grade_is_that_of_the_model_and_how_sure_it_is(tmp_path: Path, exported: Export) -> None:
    model, (category, option, architecture, _) = exported("grades"), KINDS["grades"]
    async with beside_a_model(tmp_path, model.path, (category, option, architecture)) as one:
        await one.make(category=category, option=option, class_names=["9", "8", "7"])
        await one.upload(model.pictures[0].read_bytes())
        ((label, confidence),) = (await asked(one)).json()["labels"]
    grade = model.eager(model.pictures[0]).grade
    assert grade is not None
    assert ["9", "8", "7"][label - 1] == grade.name
    assert confidence == pytest.approx(grade.probabilities[grade.name], abs=0.01)


async def test_models_that_do_not_fit_and_files_that_are_none_are_refused_in_words(tmp_path: Path) -> None:
    file = border_model(tmp_path / "model.onnx", QUADS)
    async with beside_a_model(tmp_path, file, ("border_detection", "dual_class", "yolo")) as one:
        await one.make(class_names=["left", "right"])
        await one.upload(png())
        refused = await asked(one)
        assert refused.status_code == 400
        assert "outer_border, graphical_border" in refused.json()["error"]
        assert "left, right" in refused.json()["error"]
        assert (await asked(one, "run-0000000000000000000b")).status_code == 404
        await one.http.request("DELETE", "/api/datasets/cards")
        await one.make(category="border_detection", option="single_class", class_names=["card"])
        await one.upload(png())
        assert (await one.http.get("/api/datasets/cards/models")).json() == {"models": []}
        refused = await asked(one)
        assert refused.status_code == 400
        assert "border_detection · dual_class; accepted" in refused.json()["error"]
        await one.log_in(Role.READER)
        assert (await asked(one)).status_code == 403


async def test_a_file_that_is_no_model_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    row = ("border_detection", "dual_class", "yolo")
    async with beside_a_model(tmp_path, tmp_path / "model.onnx", row) as one:
        await one.make()
        await one.upload(png())
        for _ in range(2):
            refused = await asked(one)
            assert refused.status_code == 400
            assert "cannot be loaded as ONNX" in refused.json()["error"]


async def test_a_model_that_takes_too_long_is_ended_and_the_next_question_is_answered(tmp_path: Path) -> None:
    file = border_model(tmp_path / "model.onnx", QUADS)
    row = ("border_detection", "dual_class", "yolo")
    async with beside_a_model(tmp_path, file, row, studio_suggest_timeout_s=1e-4) as one:
        await one.make()
        await one.upload(png())
        answers = [await asked(one) for _ in range(3)]  # a child that has to start is given time for that
        assert [answer.status_code for answer in answers] == [200, 400, 200]
        assert "longer than 0.0001 s" in answers[1].json()["error"]


async def test_without_a_monitor_the_page_says_so(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        answer = await one.http.get("/api/datasets/cards/models")
        assert answer.status_code == 503
        assert "TRUSCORE_MONITOR_ADDRESS" in answer.json()["error"]


@pytest.mark.parametrize("scale", [(1.0, 1.0), (2.0, 3.0)])
def test_outlines_cover_what_the_mask_covers(scale: tuple[float, float]) -> None:
    """Drawn again at eight times the size, an outline differs from its mask by less than half a pixel of its rim."""
    y_HW, x_HW = np.mgrid[:60, :80] + 0.5
    mask_HW = (x_HW - 40) ** 2 / 30**2 + (y_HW - 30) ** 2 / 20**2 < 1
    (outline,) = outlines_of(mask_HW, scale)
    points_N2 = np.array(outline).reshape(-1, 2) / np.array(scale)
    drawn_HW = np.zeros((480, 640), np.uint8)
    cv2.fillPoly(drawn_HW, [np.rint(points_N2 * 8).astype(np.int32)], 1)
    wide_HW = mask_HW.repeat(8, 0).repeat(8, 1)
    rim_px = 2 * np.pi * np.sqrt((30**2 + 20**2) / 2)  # of the ellipse, nearly
    assert (drawn_HW != wide_HW).sum() / 64 < rim_px / 2
    assert abs(drawn_HW.sum() / wide_HW.sum() - 1) < 0.02
