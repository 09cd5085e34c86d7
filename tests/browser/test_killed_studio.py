"""The studio's process is killed while somebody annotates in a real browser: at most the action under way is lost."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest

from deploy.local.servers.objects import ObjectServer
from services.studio.access import Role
from services.studio.app import create_sessions
from services.studio.database.opening import FILE
from services.studio.database.sqlite import SqliteDatabase
from tests.browser.conftest import OpenContext
from tests.connected.answers import service_process
from tests.connected.studio.test_studio_process import serving, studio_environment
from tests.unit.studio.studio_harness import BORDERS, png, settings_in

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.connected
DRAWN = 4  # before each kill


class Broker(Protocol):
    @property
    def amqp_url(self) -> str: ...


async def draw(page: Page, number: int) -> None:
    """A box, by keyboard, once the browser has the one before: nothing is waited for what the studio says to either."""
    await on_disk(page)
    await box(page, number)


async def box(page: Page, number: int) -> None:
    await page.keyboard.press("b")
    await page.mouse.move(320 + 12 * number, 300)
    await page.mouse.down()
    await page.mouse.move(330 + 12 * number, 380, steps=2)
    await page.mouse.up()


async def test_killed_again_and_again_at_most_one_action_is_lost(
    private_broker: Broker, s3: ObjectServer, bucket: str, tmp_path: Path, open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)
    address, grpc_port, environment = studio_environment(private_broker.amqp_url, s3, bucket, tmp_path)
    opened: list[Page] = []
    for kill in range(2):
        with service_process("services.studio", environment, exit_code=-signal.SIGKILL) as process:
            serving(f"127.0.0.1:{grpc_port}")
            if not opened:
                opened.append(await begun(address, tmp_path, open_context))
            (page,) = opened
            if kill:  # the page of before is still open, and sends again by itself what had not arrived
                await expect(page.locator("#saved")).to_have_text("Saved")
                assert await kept(page) == DRAWN
            before = await kept(page)
            for number in range(DRAWN):
                await draw(page, DRAWN * kill + number)
            await expect(page.locator("#shapes li")).to_have_count(before + DRAWN)
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
    # The browser is gone, too, the moment the last box is drawn: another page of it finds what the first had not sent.
    context = page.context
    await page.close()
    with service_process("services.studio", environment):
        serving(f"127.0.0.1:{grpc_port}")
        again = await context.new_page()
        await again.goto(f"{address}/datasets/cards/annotate")
        await again.wait_for_selector("html[data-ready=yes]")
        await expect(again.locator("#saved")).to_have_text("Saved")
        assert await kept(again) >= before + DRAWN - 1
        shown = await again.locator("#shapes li").count()
        assert await kept(again) == shown


async def test_a_database_that_the_browser_closes_takes_no_edit_away(
    private_broker: Broker, s3: ObjectServer, bucket: str, tmp_path: Path, open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)
    address, grpc_port, environment = studio_environment(private_broker.amqp_url, s3, bucket, tmp_path)
    with service_process("services.studio", environment, exit_code=-signal.SIGKILL) as process:
        serving(f"127.0.0.1:{grpc_port}")
        page = await begun(address, tmp_path, open_context)
        await draw(page, 0)
        await expect(page.locator("#shapes li")).to_have_count(1)
        tools = await page.context.new_cdp_session(page)
        await tools.send("Storage.clearDataForOrigin", {"origin": address, "storageTypes": "indexeddb"})
        await box(page, 1)
        await expect(page.locator("#shapes li")).to_have_count(2)
        await expect(page.locator("#saved")).to_have_text("Saved")
        assert await kept(page) == 2
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    # It was opened again: what the studio has not heard of is on the disk as before.
    await draw(page, 2)
    await expect(page.locator("#saved")).to_contain_text("kept here")
    context = page.context
    await page.close()
    with service_process("services.studio", environment):
        serving(f"127.0.0.1:{grpc_port}")
        again = await context.new_page()
        await again.goto(f"{address}/datasets/cards/annotate")
        await expect(again.locator("#shapes li")).to_have_count(3)


async def begun(address: str, folder: Path, open_context: OpenContext) -> Page:
    """A dataset with an image, and a page that annotates it."""
    settings = settings_in(folder)
    database = SqliteDatabase(folder / FILE)
    sessions = create_sessions(settings, database)
    tokens = [sessions.make_login_token(name="ada", role=Role.ADMIN) for _ in range(2)]
    database.close()
    async with httpx.AsyncClient(base_url=address, headers={"Origin": address}, timeout=60) as http:
        assert (await http.post("/api/login", json={"token": tokens[0]})).status_code == 200
        assert (await http.post("/api/datasets", json={"dataset_id": "cards", **BORDERS})).status_code == 201
        sent = await http.put("/api/datasets/cards/images", params={"name": "a.png"}, content=png(size=(200, 200)))
        assert sent.status_code == 201
    page = (await open_context(address, tokens[1])).pages[0]
    await page.goto("/datasets/cards/annotate")
    await page.wait_for_selector("html[data-ready=yes]")
    return page


async def on_disk(page: Page) -> None:
    """Once what this browser was given to keep is on its disk: a read waits for all writes begun before."""
    await page.evaluate(
        """() => new Promise((resolve, reject) => {
          const asked = indexedDB.open("truscore-studio");
          asked.onerror = () => reject(asked.error);
          asked.onsuccess = () => {
            const read = asked.result.transaction("edits").objectStore("edits").count();
            read.onsuccess = () => { asked.result.close(); resolve(); };
            read.onerror = () => reject(read.error);
          };
        })"""
    )


async def kept(page: Page) -> int:
    """How many marks the studio has."""
    found: Any = await page.evaluate(
        """async () => {
          const {images: [image]} = await (await fetch("/api/datasets/cards/images")).json();
          const answer = await fetch(`/api/datasets/cards/images/${image.image_id}/document`);
          return (await answer.json()).document.shapes.length;
        }"""
    )
    return int(found)
