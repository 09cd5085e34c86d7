"""The map of a dataset's images in a real browser: drawn, gone through by the keys, and left for an image."""

from __future__ import annotations

from pathlib import Path

import pytest
from truscore.storage import MemoryStore

from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.browser.rendered_card import rendered_cards
from tests.browser.test_accessibility import AXE, BY_DAY, broken_rules
from tests.unit.studio.constant_model import border_model
from tests.unit.studio.finished_runs import events_of, monitor_of
from tests.unit.studio.studio_harness import browser

IMAGES = 24


async def test_the_map_is_drawn_and_leads_to_the_image(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    store = MemoryStore()
    file = border_model(tmp_path / "model.onnx", ((5, 6, 50, 7, 51, 70, 4, 69),), body=True)
    row = {"category": "border_detection", "option": "dual_class", "architecture": "yolo"}
    events = events_of(store, file, run_id="run-0000000000000000000a", **row)
    async with (
        monitor_of(events) as monitor,
        browser(tmp_path, store=store, monitor_address=monitor) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make()
        for number, card in enumerate(rendered_cards(tmp_path / "cards", (120, 168), count=IMAGES)):
            await one.upload(card, f"card-{number:02}.png")
        for label, image in enumerate(one.studio.drafts.images("cards")[:16]):
            shape = {"id": "a", "kind": "box", "label": label % 2 + 1, "points": [8, 8, 100, 150]}
            address = f"/api/datasets/cards/images/{image.image_id}/operations"
            body = {"base": 0, "batch_id": "b", "ops": [{"op": "put", "shape": shape}]}
            assert (await one.http.post(address, json=body)).status_code == 200
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.ANNOTATOR))).pages[0]
        await page.goto("/datasets/cards/data")
        await expect(page.locator("#map-model option")).to_have_text(["yolo on cards 1"])
        await page.get_by_role("button", name="Draw").press("Enter")
        await expect(page.locator("#map-said")).to_contain_text(f"{IMAGES} images. The axes hold")
        await expect(page.locator("#map-legend li")).to_have_text(
            ["outer_border", "graphical_border", "nothing marked"]
        )
        first = await page.locator("#map-image a").inner_text()
        await page.locator("#map").focus()
        for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
            await page.keyboard.press(key)
        await expect(page.locator("#map-image img")).to_be_visible()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowUp")
        await keep_picture(page, "map", request, ".panel:has(#map)")
        await page.evaluate(AXE.read_text())
        assert await broken_rules(page, BY_DAY) == []
        chosen = await page.locator("#map-image a").get_attribute("href")
        assert chosen is not None
        assert first.strip().endswith(".png")
        await page.locator("#map").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**{chosen}")
