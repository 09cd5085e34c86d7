"""Two annotators in real browsers before two instances of the studio on one PostgreSQL database: each sees what the
other draws, and an outage of the database costs no edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext
from tests.browser.rendered_card import rendered_card
from tests.browser.test_annotating import saved, shapes_of
from tests.browser.test_two_annotators import CARD, PRINT, SIZE, SMALLER, draw
from tests.postgres_server import PostgresServer
from tests.unit.studio.test_studio_instances import instances

if TYPE_CHECKING:
    from playwright.async_api import Page

AWAY = "Not saved yet: the studio's database is away"


async def annotator(open_context: OpenContext, address: str, token: str) -> Page:
    page = (await open_context(address, token)).pages[0]
    await page.goto("/datasets/cards/annotate")
    await page.wait_for_selector("html[data-ready=yes]")
    return page


async def test_two_at_two_instances_see_each_other_draw_and_an_outage_costs_no_edit(
    tmp_path: Path, postgres: PostgresServer, open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    async with (
        instances(tmp_path / "studio", postgres.new_url()) as (one, other),
        serve_http(one.application, "127.0.0.1", 0) as first,
        serve_http(other.application, "127.0.0.1", 0) as second,
    ):
        await one.make()
        await one.upload(rendered_card(tmp_path / "card", SIZE), "scan.png")
        tokens = [one.studio.sessions.make_login_token(name=name, role=Role.ANNOTATOR) for name in ("ada", "bob")]
        ada = await annotator(open_context, f"http://127.0.0.1:{first}", tokens[0])
        bob = await annotator(open_context, f"http://127.0.0.1:{second}", tokens[1])
        await draw(ada, 1, CARD)
        await expect(bob.locator("#shapes li")).to_have_count(1)
        await draw(bob, 2, PRINT)
        await expect(ada.locator("#shapes li")).to_have_count(2)

        postgres.kill()
        try:
            await draw(ada, 1, SMALLER, is_saved=False)
            await expect(ada.locator("#saved")).to_contain_text(AWAY)
        finally:
            postgres.start()
        await saved(ada)
        await expect(bob.locator("#shapes li")).to_have_count(3)
        assert len(shapes_of(other)) == 3
