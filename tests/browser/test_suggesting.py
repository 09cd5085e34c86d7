"""A model's proposals in a real browser: seen, corrected, accepted one by one and all, dismissed; marks only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from truscore.storage import MemoryStore

from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, login_token
from tests.browser.test_annotating import saved, shapes_of
from tests.unit.studio.constant_model import border_model
from tests.unit.studio.finished_runs import events_of, monitor_of
from tests.unit.studio.studio_harness import Browser, browser, png

if TYPE_CHECKING:
    from playwright.async_api import Page

RUN = "run-0000000000000000000a"
SIDE = 200
QUADS = ((20, 22, 180, 20, 181, 178, 19, 180), (50, 52, 150, 50, 151, 148, 49, 150))


@asynccontextmanager
async def beside_a_border_model(folder: Path) -> AsyncIterator[tuple[Browser, str]]:
    store = MemoryStore()
    file = border_model(folder / "model.onnx", QUADS)
    row = {"category": "border_detection", "option": "dual_class", "architecture": "yolo"}
    async with monitor_of(events_of(store, file, run_id=RUN, **row)) as monitor:
        async with browser(folder, store=store, monitor_address=monitor) as one:
            async with serve_http(one.application, "127.0.0.1", 0) as port:
                yield one, f"http://127.0.0.1:{port}"


async def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a point of the image lies, as the fitted image lies in the stage."""
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    scale = min(frame["width"] - 48, frame["height"] - 48) / SIDE
    return (
        frame["x"] + frame["width"] / 2 + (x - SIDE / 2) * scale,
        frame["y"] + frame["height"] / 2 + (y - SIDE / 2) * scale,
    )


async def test_proposals_are_accepted_corrected_and_dismissed(tmp_path: Path, open_context: OpenContext) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)
    async with beside_a_border_model(tmp_path) as (one, address):
        await one.make()
        await one.upload(png(size=(SIDE, SIDE)))
        page = (await open_context(address, login_token(one, Role.ANNOTATOR))).pages[0]
        await page.goto("/datasets/cards/annotate")
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.locator("#model option")).to_have_text(["yolo on cards 1"])
        await expect(page.locator("#suggest")).to_be_enabled()
        await page.keyboard.press("g")
        await expect(page.locator("#proposals .name")).to_have_text(["outer_border 97 %", "graphical_border 87 %"])
        assert shapes_of(one) == []

        # The inner one is looked at, and a corner of it dragged: it is a mark, and that corner lies elsewhere.
        await page.mouse.click(*await on_screen(page, 100, 100))
        await expect(page.locator("#proposals [aria-pressed=true]")).to_have_text("graphical_border 87 %")
        await page.mouse.move(*await on_screen(page, 150, 50))
        await page.mouse.down()
        await page.mouse.move(*await on_screen(page, 160, 40), steps=3)
        await page.mouse.up()
        await saved(page)
        ((kind, label, points),) = shapes_of(one)
        assert (kind, label) == ("quad", 2)
        assert points == pytest.approx((50, 52, 160, 40, 151, 148, 49, 150), abs=1)
        await expect(page.locator("#proposals .name")).to_have_text(["outer_border 97 %"])

        await page.keyboard.press("a")
        await saved(page)
        assert shapes_of(one)[1] == ("quad", 1, pytest.approx(QUADS[0]))
        await expect(page.locator("#acceptance")).to_be_hidden()

        # What is there already is not proposed again; what was undone is.
        await page.keyboard.press("g")
        await expect(page.locator("#said")).to_contain_text("1 of 2 are there already")
        await page.keyboard.press("Control+z")
        await saved(page)
        await page.keyboard.press("g")
        await expect(page.locator("#proposals li")).to_have_count(2)
        await page.locator("#least").fill("90")
        await expect(page.locator("#proposals .name")).to_have_text(["outer_border 97 %"])
        await page.get_by_role("button", name="Dismiss outer_border").click()
        await page.get_by_role("button", name="Dismiss all").click()
        await expect(page.locator("#acceptance")).to_be_hidden()
        assert len(shapes_of(one)) == 1
