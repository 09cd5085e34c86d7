"""Findings of the validator's rules on a draft's image, by the child that runs them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from services.studio.access import Role
from services.studio.drafts.journal import Batch, Saved
from tests.unit.studio.studio_harness import Browser, browser, png

GREY = (120, 120, 120)


def even() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (200, 250), (90, 90, 90)).save(out, "PNG")
    return out.getvalue()


async def asked(one: Browser, touched: list[str] | None, **body: Any) -> Any:
    (image,) = one.studio.drafts.images("cards")
    address = f"/api/datasets/cards/images/{image.image_id}/findings"
    return await one.http.post(address, json={"touched": touched, **body})


def drawn(one: Browser, *shapes: tuple[str, str, int, tuple[float, ...]]) -> None:
    (image,) = one.studio.drafts.images("cards")
    revision, _ = one.studio.journal.open("cards", image.image_id)
    ops = [
        {"op": "put", "shape": {"id": name, "kind": kind, "label": label, "points": list(points)}}
        for name, kind, label, points in shapes
    ]
    batch = Batch(base=revision, batch_id=f"b{revision}", operations=ops)
    assert isinstance(one.studio.journal.save("cards", image.image_id, batch, author="ada"), Saved)


async def test_touched_shapes_are_told_at_once_and_the_whole_image_with_its_pixels(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    (policies / "datasets").mkdir(parents=True)
    (policies / "datasets" / "cards.toml").write_text('[severities]\n"label.tiny_box" = "error"\n')
    async with browser(tmp_path, studio_policies=policies) as one:
        await one.make()
        await one.upload(png(GREY, size=(200, 250)))
        drawn(
            one,
            ("outer", "quad", 1, (20, 20, 170, 20, 170, 230, 20, 230)),
            ("inner", "quad", 2, (40, 40, 190, 40, 190, 200, 40, 200)),
            ("thin", "box", 1, (5, 5, 6, 100)),
        )
        found = (await asked(one, ["thin"])).json()
        assert found["revision"] == 1
        # The site's policy makes an error of it, and what is at fault elsewhere is not said of this shape.
        assert ("label.tiny_box", "error") in [(each["rule"], each["severity"]) for each in found["findings"]]
        assert {each["shape"] for each in found["findings"]} == {"thin"}
        whole = (await asked(one, None)).json()["findings"]
        assert ("geometry.border_outside_card", "inner") in [(each["rule"], each["shape"]) for each in whole]
        assert [each for each in whole if each["shape"] == "thin"] == found["findings"]
        weights = [each["severity"] for each in whole]
        assert weights == sorted(weights, key=["error", "warning", "info"].index)
        assert (await asked(one, [])).json()["findings"] == []


async def test_pixels_are_judged_and_refusals_are_words(tmp_path: Path) -> None:
    async with browser(tmp_path, role=Role.ANNOTATOR) as one:
        await one.make()
        await one.upload(even())
        rules = [each["rule"] for each in (await asked(one, None)).json()["findings"]]
        assert rules == ["quality.blank_image"]
        refused: list[tuple[Any, str]] = [("a", "a list of"), ([1], "a list of"), (["a"] * 1001, "up to 1000")]
        for touched, words in refused:
            answer = await asked(one, touched)
            assert (answer.status_code, words in answer.json()["error"]) == (400, True)
        answer = await one.http.post("/api/datasets/cards/images/99/findings", json={"touched": None})
        assert answer.status_code == 404
        stranger = one.stranger(Origin="http://evil")
        assert (await stranger.post("/api/datasets/cards/images/1/findings", json={})).status_code == 403


async def test_a_policy_that_can_not_be_followed_is_named(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "border_detection.toml").write_text("[thresholds]\nblur = 1\n")
    async with browser(tmp_path, studio_policies=policies) as one:
        await one.make()
        await one.upload(png())
        answer = await asked(one, None)
        assert answer.status_code == 400
        assert "threshold 'blur' is not known" in answer.json()["error"]
