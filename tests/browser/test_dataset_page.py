"""The page of a draft, in a real browser."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

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
