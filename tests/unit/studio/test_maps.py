"""A map of a draft's images: what a body sees alike lies together, nothing is computed twice, refusals are words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.studio import maps
from services.studio.access import Role
from services.studio.child.projection import pca, projected
from services.studio.drafts.document import Document, Shape
from services.studio.maps import label_of
from tests.unit.studio.constant_model import border_model
from tests.unit.studio.studio_harness import Browser, png
from tests.unit.studio.test_studio_suggestions import QUADS, RUN, beside_a_model

ROW = ("border_detection", "dual_class", "yolo")


@given(arrays(np.float64, st.tuples(st.integers(3, 8), st.integers(1, 6)), elements=st.integers(-9, 9)))
def test_principal_components_are_those_of_the_correlations(features_NC: np.ndarray[Any, Any]) -> None:
    places_N2, explained = pca(features_NC)
    varying = features_NC[:, features_NC.std(axis=0) > 0]
    assert places_N2.shape == (len(features_NC), 2)
    if varying.shape[1] == 0:
        assert explained == [0, 0]
        return
    values = np.sort(np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(varying.T))))[::-1]
    shares = [*(values / values.sum()), 0.0][:2]
    assert explained == pytest.approx(shares, abs=1e-6)
    assert places_N2.var(axis=0) == pytest.approx(np.array(shares) * varying.shape[1], abs=1e-6)
    assert np.abs(projected(features_NC, "pca").places_N2).max() <= 1 + 1e-9


def test_an_image_is_coloured_by_its_label_or_by_most_of_its_marks() -> None:
    shapes = {
        name: Shape(id=name, kind="box", label=label, points=(0, 0, 1, 1))
        for name, label in zip("abc", (2, 3, 3), strict=True)
    }
    assert [label_of(each) for each in (Document(labels=(4,), shapes=shapes), Document(shapes=shapes), Document())] == [
        4, 3, None,
    ]  # fmt: skip


async def asked(one: Browser, method: str = "pca", run_id: str = RUN) -> Any:
    return await one.http.post("/api/datasets/cards/map", json={"run_id": run_id, "method": method})


async def test_images_of_a_kind_lie_together_and_are_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "STEP", 3)
    file = border_model(tmp_path / "model.onnx", QUADS, body=True)
    async with beside_a_model(tmp_path, file, ROW) as one:
        await one.make()
        refused = await asked(one)
        assert (refused.status_code, "3 and more" in refused.json()["error"]) == (400, True)
        for number in range(2):
            await one.upload(png((240 - 9 * number, 30, 30), size=(64, 64)), f"red-{number}.png")
            await one.upload(png((30, 30, 240 - 9 * number), size=(64, 64)), f"blue-{number}.png")
        steps = [(await asked(one)).json() for _ in range(3)]
        assert [(each["done"], each["map"] is None) for each in steps] == [(3, True), (4, True), (4, False)]
        points = {each["path"]: (each["x"], each["y"]) for each in steps[-1]["map"]["points"]}

        def apart(first: str, second: str) -> float:
            return float(np.hypot(*np.subtract(points[first], points[second])))

        assert apart("red-0.png", "red-1.png") < 0.5 * apart("red-0.png", "blue-0.png")
        assert sum(steps[-1]["map"]["explained"]) == pytest.approx(1, abs=0.2)
        # What was looked at is known: another image costs one look, and the model's file may go meanwhile.
        await one.upload(png((30, 240, 30), size=(64, 64)), "green.png")
        assert [(await asked(one)).json()["done"] for _ in range(2)] == [5, 5]

        for method, words in (("tsne", "accepted: pca, umap"), ("umap", "UMAP")):
            refused = await asked(one, method)
            assert (refused.status_code, words in refused.json()["error"]) == (400, True)
        assert (await asked(one, run_id="run-unknown")).status_code == 404


async def test_a_model_without_a_body_and_a_reader_are_refused(tmp_path: Path) -> None:
    async with beside_a_model(tmp_path, border_model(tmp_path / "model.onnx", QUADS), ROW) as one:
        await one.make()
        for number in range(3):
            await one.upload(png((200, 30 * number, 30)), f"{number}.png")
        refused = await asked(one)
        assert (refused.status_code, "no body of convolutions" in refused.json()["error"]) == (400, True)
        await one.log_in(Role.READER)
        assert (await asked(one)).status_code == 403
