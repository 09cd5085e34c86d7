"""Points in a real browser: set by pointer and by keyboard, moved, removed; and the form that orders a training."""

from __future__ import annotations

import time

import pytest
from truscore.events.v1.dataset_pb2 import DatasetReady

from services.studio.drafts.store import Version
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.browser.test_annotating import opened, saved, shapes_of
from tests.unit.studio.studio_harness import Browser, png

SIDE = 200


async def test_points_are_set_moved_and_removed(
    studio: tuple[Browser, str], open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    one, address = studio
    await one.make(category="surface_analysis", option="defect_detection", class_names=["scratch", "dust"])
    await one.upload(png((60, 90, 120), size=(SIDE, SIDE)))
    page = await opened(one, address, open_context)
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    scale = min(frame["width"] - 48, frame["height"] - 48) / SIDE

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            frame["x"] + frame["width"] / 2 + (x - SIDE / 2) * scale,
            frame["y"] + frame["height"] / 2 + (y - SIDE / 2) * scale,
        )

    await page.keyboard.press("o")
    await expect(page.locator("[data-tool=point]")).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("2")
    await page.mouse.click(*at(60, 50))
    await page.mouse.click(*at(150, 140))
    await saved(page)
    (one_kind, one_label, one_point), (_, _, other) = shapes_of(one)
    assert (one_kind, one_label) == ("point", 2)
    assert [*one_point, *other] == pytest.approx([60, 50, 150, 140], abs=0.6)
    await expect(page.locator("#shapes li")).to_have_text(["dust · point"] * 2)
    # By the keys alone: from where the cursor is.
    for _ in range(3):
        await page.keyboard.press("Shift+ArrowLeft")
    await page.keyboard.press(" ")
    await saved(page)
    assert shapes_of(one)[2][2] == pytest.approx((120, 140), abs=0.6)
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press(" ")
    # A press near a point selects it, and a drag moves it.
    await page.keyboard.press("v")
    await page.mouse.move(*at(60, 52))
    await page.mouse.down()
    await page.mouse.move(*at(80, 32), steps=3)
    await page.mouse.up()
    await saved(page)
    assert shapes_of(one)[0][2] == pytest.approx((80, 30), abs=2.5)
    await expect(page.locator("#shapes [aria-pressed=true]")).to_have_count(1)
    await keep_picture(page, "points", request)
    await page.keyboard.press("Delete")
    await saved(page)
    assert len(shapes_of(one)) == 3


async def test_a_training_is_ordered_with_its_priority_and_its_budget(
    studio: tuple[Browser, str], open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    one, address = studio
    await one.make()
    version = Version(
        dataset_id="cards", version="1", uri="s3://truscore/datasets/cards/1/", format="truscore", notes="", images=1,
        marks=1, state="validated", message="", at=time.time(), author="ada",
    )  # fmt: skip
    one.studio.drafts.put_version(version)
    page = (await open_context(address, login_token(one))).pages[0]
    await page.goto("/datasets/cards/train/1")
    await page.wait_for_selector("html[data-ready=yes]")
    await page.get_by_label("priority").fill("3")
    await page.get_by_label("time budget").fill("1.5")
    await keep_picture(page, "train", request)
    await page.get_by_role("button", name="Order the training").press("Enter")
    await page.wait_for_url("**/runs/cards/1")
    ((ready, _),) = one.asked_of_services()
    assert isinstance(ready, DatasetReady)
    assert (ready.training.priority, ready.training.time_budget_s) == (3, 5400)
    await expect(page.locator("h1")).to_be_visible()
