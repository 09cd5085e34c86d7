"""The browser and the broker are killed while somebody annotates: at most the action under way is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psutil
import pytest

from deploy.local.servers.objects import ObjectServer
from services.studio.access import Role
from tests.browser.conftest import CHROMIUM, OpenContext, login_token
from tests.browser.test_annotating import shapes_of
from tests.browser.test_killed_studio import begun, draw, kept
from tests.connected.answers import service_process
from tests.connected.studio.test_studio_process import serving, studio_environment
from tests.unit.studio.studio_harness import Browser, png

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, BrowserType

DRAWN = 4


async def launched(chromium: BrowserType, profile: Path) -> BrowserContext:
    """A browser with this profile: what it keeps outlives it."""
    context = await chromium.launch_persistent_context(
        profile,
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--disable-gpu"],
        viewport={"width": 1280, "height": 800},
    )
    context.set_default_timeout(60_000)
    return context


def kill_browser(profile: Path) -> None:
    """SIGKILL to every process of the browser that this test started on its profile."""
    ours = [each for each in psutil.Process().children(recursive=True) if str(profile) in " ".join(_command(each))]
    family = {one for each in ours for one in (each, *each.children(recursive=True))}
    for each in family:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(list(family), timeout=30)
    (profile / "SingletonLock").unlink(missing_ok=True)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_of_a_browser_that_is_killed_at_most_one_action_is_lost(
    studio: tuple[Browser, str], tmp_path: Path
) -> None:
    """The worst case: the studio does not answer either, so that all there is of the marks is on the browser's disk."""
    from playwright.async_api import async_playwright, expect

    one, address = studio
    await one.make()
    await one.upload(png(size=(200, 200)))
    profile = tmp_path / "profile"
    async with async_playwright() as playwright:
        context = await launched(playwright.chromium, profile)
        page = context.pages[0]
        await page.goto(f"{address}/login#{login_token(one, Role.ANNOTATOR)}")
        await page.wait_for_url(f"{address}/")
        await page.goto(f"{address}/datasets/cards/annotate")
        await page.wait_for_selector("html[data-ready=yes]")
        await context.set_offline(True)
        for number in range(DRAWN):
            await draw(page, number)
        kill_browser(profile)  # not a moment after the last
        with suppress(Exception):
            await context.close()
        assert shapes_of(one) == []
        again = await launched(playwright.chromium, profile)
        page = again.pages[0]
        await page.goto(f"{address}/login#{login_token(one, Role.ANNOTATOR)}")
        await page.wait_for_url(f"{address}/")
        await page.goto(f"{address}/datasets/cards/annotate")
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.locator("#saved")).to_have_text("Saved", timeout=60_000)
        assert len(shapes_of(one)) >= DRAWN - 1
        assert await page.locator("#shapes li").count() == len(shapes_of(one))
        await again.close()


class Broker(Protocol):
    @property
    def amqp_url(self) -> str: ...
    def kill(self) -> None: ...


@pytest.mark.connected
async def test_while_the_broker_is_gone_annotating_goes_on_and_nothing_is_lost(
    private_broker: Broker, s3: ObjectServer, bucket: str, tmp_path: Path, open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    address, grpc_port, environment = studio_environment(private_broker.amqp_url, s3, bucket, tmp_path)
    with service_process("services.studio", environment) as process:
        await asyncio.to_thread(serving, f"127.0.0.1:{grpc_port}")
        page = await begun(address, tmp_path, open_context)
        await draw(page, 0)
        await asyncio.to_thread(private_broker.kill)
        for number in range(1, DRAWN):
            await draw(page, number)
        await expect(page.locator("#saved")).to_have_text("Saved", timeout=60_000)
        await page.reload()
        await expect(page.locator("#shapes li")).to_have_count(DRAWN, timeout=60_000)
        assert await kept(page) == DRAWN
        assert process.poll() is None
