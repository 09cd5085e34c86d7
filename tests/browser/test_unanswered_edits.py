"""Edits that the studio did not answer, or to nobody it knows: none is taken for saved, and none is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.studio.access import Role
from services.studio.access.guard import COOKIE
from tests.browser.conftest import OpenContext, login_token
from tests.browser.test_annotating import shapes_of
from tests.browser.test_killed_studio import draw
from tests.unit.studio.studio_harness import Browser, png

if TYPE_CHECKING:
    from playwright.async_api import Page, Route


async def annotating(one: Browser, address: str, open_context: OpenContext) -> Page:
    await one.make()
    await one.upload(png(size=(200, 200)))
    page = (await open_context(address, login_token(one, Role.ANNOTATOR))).pages[0]
    await page.goto("/datasets/cards/annotate")
    await page.wait_for_selector("html[data-ready=yes]")
    return page


async def test_an_answer_that_breaks_off_in_its_middle_is_asked_for_again(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    one, address = studio
    page = await annotating(one, address, open_context)
    cut: list[int] = []

    async def cut_once(route: Route) -> None:
        answer = await route.fetch()
        if cut:
            await route.fulfill(response=answer)
        else:
            cut.append(answer.status)
            await route.fulfill(status=answer.status, content_type="application/json", body=(await answer.text())[:-1])

    await page.route("**/operations", cut_once)
    for number in range(3):
        await draw(page, number)
    await expect(page.locator("#saved")).to_have_text("Saved", timeout=30_000)
    await expect(page.locator("#shapes li")).to_have_count(3)
    assert cut == [200]
    assert len(shapes_of(one)) == 3


async def test_what_was_drawn_after_the_session_ended_is_saved_once_one_has_logged_in(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    one, address = studio
    page = await annotating(one, address, open_context)
    (token,) = [each["value"] for each in await page.context.cookies() if each["name"] == COOKIE]
    one.studio.sessions.log_out(token)
    await draw(page, 0)
    await page.wait_for_url(f"{address}/login")
    await page.goto("about:blank")  # to another # of one address a browser does not load a page
    await page.goto(f"{address}/login#{login_token(one, Role.ANNOTATOR)}")
    await page.wait_for_url(f"{address}/")
    await page.goto(f"{address}/datasets/cards/annotate")
    await expect(page.locator("#shapes li")).to_have_count(1)
    await expect(page.locator("#saved")).to_have_text("Saved", timeout=30_000)
    assert len(shapes_of(one)) == 1
