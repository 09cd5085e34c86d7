"""The annotator on a rendered card whose true borders are known: suggested, put on its edges, and damage painted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from truscore.storage import MemoryStore

from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.browser.rendered_card import rendered_card
from tests.browser.test_annotating import saved, shapes_of
from tests.browser.test_studio_walk import borders_of
from tests.unit.studio.constant_model import border_model
from tests.unit.studio.finished_runs import events_of, monitor_of
from tests.unit.studio.studio_harness import browser

if TYPE_CHECKING:
    from playwright.async_api import Page

SIZE = (480, 640)
ROW = {"category": "border_detection", "option": "dual_class", "architecture": "yolo"}
OFF_PX = (5, -2, 2, 4, -4, 2, -2, -5)  # by which the model is wrong


async def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a point of the fitted image lies on the screen."""
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    scale = min((frame["width"] - 48) / SIZE[0], (frame["height"] - 48) / SIZE[1])
    return (
        frame["x"] + frame["width"] / 2 + (x - SIZE[0] / 2) * scale,
        frame["y"] + frame["height"] / 2 + (y - SIZE[1] / 2) * scale,
    )


async def test_what_a_model_suggests_is_put_on_the_cards_own_edges(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)
    card = rendered_card(tmp_path / "rendered", SIZE)
    _, _, (outer, inner) = borders_of(tmp_path / "rendered")
    store = MemoryStore()
    said = tuple(tuple(a + b for a, b in zip(quad, OFF_PX, strict=True)) for quad in (outer, inner))
    file = border_model(tmp_path / "model.onnx", said)
    async with (
        monitor_of(events_of(store, file, run_id="run-0000000000000000000a", **ROW)) as monitor,
        browser(tmp_path, store=store, monitor_address=monitor) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make()
        await one.upload(card, "scan.png")
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.ANNOTATOR))).pages[0]
        await page.goto("/datasets/cards/annotate")
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.locator("#suggest")).to_be_enabled()
        await page.keyboard.press("g")
        await expect(page.locator("#proposals .name")).to_have_count(2)
        await keep_picture(page, "suggest", request)
        await page.keyboard.press("a")
        await saved(page)
        await page.keyboard.press("n")
        await page.keyboard.press("s")
        await saved(page)
        snapped = next(points for _, label, points in shapes_of(one) if label == 1)
        # The card's corners are round: its sides meet beyond each of them by the same, whatever the model said.
        assert np.ptp(np.abs(np.subtract(snapped, outer))) < 1
        await page.mouse.move(*await at(page, outer[0], outer[1]))
        for _ in range(5):
            await page.mouse.wheel(0, -240)
        await expect(page.locator(".minimap")).to_be_visible()
        await keep_picture(page, "magnet", request)


async def test_damage_is_painted_on_a_card(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    async with (
        monitor_of([]) as monitor,
        browser(tmp_path, monitor_address=monitor) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make(
            category="corner_analysis", option="damage_detection", class_names=["whitening", "fray", "soft_corner"]
        )
        await one.upload(rendered_card(tmp_path / "rendered", SIZE), "scan.png")
        _, _, (outer, _) = borders_of(tmp_path / "rendered")
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.ANNOTATOR))).pages[0]
        await page.goto("/datasets/cards/annotate")
        await page.wait_for_selector("html[data-ready=yes]")
        await page.keyboard.press("r")
        corners = [outer[place : place + 2] for place in (0, 2, 4)]
        for number, (x, y) in enumerate(corners, start=1):
            await page.keyboard.press(str(number))
            await page.mouse.move(*await at(page, x + 4, y + 6))
            await page.mouse.down()
            for step in range(6):
                await page.mouse.move(*await at(page, x + (8 if number == 1 else -8) * step, y + 5 * step % 9))
            await page.mouse.up()
            await saved(page)
        assert {(kind, label) for kind, label, _ in shapes_of(one)} == {("polygon", 1), ("polygon", 2), ("polygon", 3)}
        await keep_picture(page, "brush", request)
