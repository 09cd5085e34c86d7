"""The page of a draft, in a real browser."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.browser.conftest import OpenContext, login_token
from tests.unit.studio.studio_harness import Browser, png

if TYPE_CHECKING:
    from playwright.async_api import Route


async def test_files_chosen_before_the_page_is_ready_are_taken(
    studio: tuple[Browser, str], tmp_path: Path, open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    one, address = studio
    await one.make()
    scan = tmp_path / "scan.png"
    scan.write_bytes(png((30, 60, 90), (60, 90)))
    page = (await open_context(address, login_token(one))).pages[0]
    chosen = asyncio.Event()

    async def after_the_choice(route: Route) -> None:
        await chosen.wait()
        await route.continue_()

    await page.route("**/pages/dataset.js", after_the_choice)
    await page.goto("/datasets/cards", wait_until="commit")
    await page.set_input_files("#files", scan)
    chosen.set()
    await expect(page.locator(".grid li")).to_have_count(1)
    assert [image.path for image in one.studio.drafts.images("cards")] == ["scan.png"]


async def test_an_upload_goes_on_after_breaks_and_on_another_page_with_what_is_missing(
    studio: tuple[Browser, str], tmp_path: Path, open_context: OpenContext
) -> None:
    """Of two pieces the second does not get through; the page is closed, and opened again the next day."""
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    one, address = studio
    await one.make()
    scan = tmp_path / "scan.png"
    scan.write_bytes(_noise(1800, 1700))
    size = scan.stat().st_size
    assert 8 * 2**20 < size < 16 * 2**20
    context = await open_context(address, login_token(one))
    page = context.pages[0]
    refused = asyncio.Event()

    async def cut(route: Route) -> None:
        if "offset=0" in route.request.url:
            await route.continue_()
        else:
            refused.set()
            await route.abort("connectionreset")

    await page.route("**/uploads/**offset=*", cut)
    await page.goto("/datasets/cards")
    await page.wait_for_selector("html[data-ready=yes]")
    await page.set_input_files("#files", scan)
    await expect(page.locator("#progress-text")).to_contain_text("Waiting for the studio")
    assert refused.is_set()
    await page.close()

    again = await context.new_page()
    offsets: list[str] = []
    again.on("request", lambda request: offsets.append(request.url) if request.method == "PATCH" else None)
    await again.goto("/datasets/cards")
    await again.wait_for_selector("html[data-ready=yes]")
    await again.set_input_files("#files", scan)
    await expect(again.locator(".grid li")).to_have_count(1)
    assert [url.rpartition("offset=")[2] for url in offsets] == [str(8 * 2**20)]
    assert [(image.path, image.width) for image in one.studio.drafts.images("cards")] == [("scan.png", 1800)]


async def test_while_the_studio_does_not_answer_files_wait_and_none_is_named_twice(
    studio: tuple[Browser, str], tmp_path: Path, open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    one, address = studio
    await one.make()
    scans = [tmp_path / f"{number}.png" for number in range(4)]
    for number, scan in enumerate(scans):
        scan.write_bytes(png((40 * number, 60, 90), (60, 90)))
    await one.upload(scans[0].read_bytes(), "0.png")
    page = (await open_context(address, login_token(one))).pages[0]
    away = 0

    async def answer_late(route: Route) -> None:
        nonlocal away
        away += 1
        if away <= 3:
            await route.fulfill(status=503, json={"error": "the database is away"})
        else:
            await route.continue_()

    await page.route("**/images?name=*", answer_late)
    await page.goto("/datasets/cards")
    await page.wait_for_selector("html[data-ready=yes]")
    await page.set_input_files("#files", scans)
    await expect(page.locator(".grid li")).to_have_count(4)
    assert away >= 7
    await expect(page.locator("#arrivals li")).to_have_count(0)


def _noise(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(3 * width * height)).save(out, "PNG", compress_level=0)
    return out.getvalue()
