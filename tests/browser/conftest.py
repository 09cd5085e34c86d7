"""A real browser before the studio. Debian's Chromium is looked for on the path; without it these tests are skipped."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.unit.studio.studio_harness import Browser, browser

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NeedsChromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: Debian has it as the package chromium"
)
OpenContext = Callable[[str, str], Awaitable["BrowserContext"]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(NeedsChromium)


@pytest.fixture
async def open_context() -> AsyncIterator[OpenContext]:
    """Opens a browser of its own, logged in by a link; (address, token) to its context."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )

        async def opened(address: str, token: str) -> BrowserContext:
            context = await chromium.new_context(base_url=address, viewport={"width": 1280, "height": 800})
            context.set_default_timeout(60_000)
            context.on("weberror", lambda found: sys.stderr.write(f"page: {found.error}\n"))
            page = await context.new_page()
            await page.goto(f"/login#{token}")
            await page.wait_for_url(f"{address}/")
            return context

        yield opened
        await chromium.close()


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[tuple[Browser, str]]:
    """The studio on a port of this process, without a broker, and its address."""
    async with browser(tmp_path) as one, serve_http(one.application, "127.0.0.1", 0) as port:
        yield one, f"http://127.0.0.1:{port}"


def login_token(one: Browser, role: Role = Role.ADMIN) -> str:
    return one.studio.sessions.make_login_token(name=role.name.lower(), role=role)


async def keep_picture(page: Page, name: str, request: pytest.FixtureRequest, part: str = "") -> None:
    """A picture of the page, or of the part that the selector names, where `--pictures` names a folder."""
    folder: Path | None = request.config.getoption("--pictures")
    if folder is not None:
        path = folder / f"studio-{name}.png"
        await (page.locator(part).screenshot(path=path) if part else page.screenshot(path=path))
