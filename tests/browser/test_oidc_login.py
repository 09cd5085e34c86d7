"""Logging in by a provider of OpenID Connect in a real browser: there, and back into the studio."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.studio.http_server import serve_http
from tests.browser.conftest import CHROMIUM, keep_picture
from tests.unit.studio.studio_harness import browser
from tests.unit.studio.test_oidc import oidc_settings, provider

__all__ = ["provider"]


async def test_a_browser_goes_to_the_provider_and_comes_back_logged_in(
    provider: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    from playwright.async_api import async_playwright, expect

    async with (
        browser(tmp_path, role=None, **oidc_settings(provider)) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
        async_playwright() as playwright,
    ):
        # From localhost to 127.0.0.1 and back: to a browser these are two sites, as a provider is another.
        address = f"http://localhost:{port}"
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = await chromium.new_page()
            page.set_default_timeout(45_000)
            await page.goto(address)
            await keep_picture(page, "login", request)
            await page.get_by_role("link", name="Log in with Card Co").press("Enter")
            await page.get_by_role("link", name="I am ada").press("Enter")
            await page.wait_for_url(f"{address}/")
            await expect(page.locator(".who")).to_contain_text("ada · annotator", timeout=45_000)
            await page.locator("#log-out").click()
            await page.wait_for_url(f"{address}/login")
        finally:
            await chromium.close()
