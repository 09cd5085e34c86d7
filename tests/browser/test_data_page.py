"""What is in a draft, in a real browser: numbers, parts, findings that lead to images, and the trainer's changes."""

from __future__ import annotations

import re
import time
from pathlib import Path

from truscore.events.v1 import dataset_pb2

from services.studio.access import Role
from services.studio.drafts.store import Version
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, login_token
from tests.unit.monitor.event_sequences import BEGIN_S, PublishedEvent, ready
from tests.unit.studio.finished_runs import monitor_of
from tests.unit.studio.studio_harness import browser, png

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
