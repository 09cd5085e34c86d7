"""What is in a draft, in a real browser: numbers, parts, findings that lead to images, and the trainer's changes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from truscore.events.v1 import dataset_pb2
from truscore.synthesis import render_dataset

from services.studio.access import Role
from services.studio.drafts.store import Version
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.browser.test_accessibility import AXE, BY_DAY, BY_NIGHT, broken_rules
from tests.unit.monitor.event_sequences import BEGIN_S, PublishedEvent, ready
from tests.unit.studio.finished_runs import monitor_of
from tests.unit.studio.studio_harness import browser, png
from tests.unit.studio.test_studio_insights import imported

BLUR = "images.blurred"


def rejected() -> PublishedEvent:
    findings = [
        dataset_pb2.Finding(rule=BLUR, severity="warning", message="sharpness 3, 20 wanted", location=name)
        for name in ("2.png", "gone.png")
    ]
    message = dataset_pb2.DatasetRejected(
        dataset_id="cards", version="1", request_id="r1", findings=findings, error_count=1
    )
    return PublishedEvent(message, BEGIN_S + 1)


async def test_a_draft_is_looked_at_divided_and_shown_as_training_sees_it(
    tmp_path: Path, open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    async with (
        monitor_of([ready(), rejected()]) as monitor,
        browser(tmp_path, monitor_address=monitor) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make()
        for number in range(1, 8):
            await one.upload(png((30 * number, 255 - 25 * number, 40), (60 + 10 * number, 90)), f"{number}.png")
        one.studio.drafts.put_version(
            Version(
                dataset_id="cards",
                version="1",
                uri="s3://a/b/",
                format="truscore",
                notes="",
                images=7,
                marks=0,
                state="validating",
                message="",
                at=time.time(),
                author="ada",
            )
        )
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.READER))).pages[0]
        await page.goto("/datasets/cards")
        await page.get_by_role("link", name="Look at the data").click()
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.locator("#figures")).to_contain_text("Not annotated7")
        await expect(page.locator("#object-sides")).to_have_text("Nothing is marked yet.")
        await expect(page.locator("#verdict")).to_contain_text("version 1: rejected")
        await page.locator("summary", has_text=BLUR).click()
        await expect(page.locator("#findings li")).to_have_count(2)
        link = page.locator("#findings a")  # of what is no image any more there is none
        (image,) = (each for each in one.studio.drafts.images("cards") if each.path == "2.png")
        assert await link.get_attribute("href") == f"/datasets/cards/annotate/{image.image_id}"

        await page.fill("#validation", "0.3")
        await page.fill("#test", "0")
        await page.get_by_role("button", name="Divide").click()
        await expect(page.locator("#classes tbody tr").last).to_have_text(re.compile("in all7520$"))
        await page.fill("#test", "0.9")
        await page.get_by_role("button", name="Divide").click()
        await expect(page.locator("#trouble")).to_contain_text("fractions")

        await page.fill("#test", "0.1")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#sheet")).to_be_visible()
        assert await page.locator("#sheet").evaluate("sheet => sheet.decode().then(() => sheet.naturalWidth)") == 1248


async def test_the_most_even_seed_is_found_and_where_objects_lie_is_drawn(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)
    render_dataset(tmp_path / "cards", count=20, seed=5, image_size=(96, 120))
    async with browser(tmp_path / "studio") as one, serve_http(one.application, "127.0.0.1", 0) as port:
        await one.make()
        await imported(one, tmp_path / "cards")
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.READER))).pages[0]
        await page.goto("/datasets/cards/data")
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.locator("#heat figcaption")).to_have_text(["outer_border: 20", "graphical_border: 20"])
        drawn = "canvas => canvas.getContext('2d').getImageData(96, 96, 1, 1).data[3]"
        assert await page.locator("#heat canvas").first.evaluate(drawn) > 0, "cards lie in the middle"
        await page.get_by_role("button", name="Find the most even of 60 seeds").click()
        await expect(page.locator("#even-said")).to_contain_text("a class is off its share by")
        await keep_picture(page, "data", request)
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        assert await broken_rules(page, BY_DAY) == []
        await page.emulate_media(color_scheme="dark")
        assert await broken_rules(page, BY_NIGHT) == []
