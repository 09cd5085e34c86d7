"""Two annotators on one image in a real browser: one marks it by themselves, the dispute is shown and settled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from services.studio.access import Role
from tests.browser.conftest import OpenContext, keep_picture
from tests.browser.rendered_card import rendered_card
from tests.browser.test_accessibility import AXE, BY_DAY, broken_rules
from tests.browser.test_annotating import saved, shapes_of
from tests.unit.studio.studio_harness import Browser

if TYPE_CHECKING:
    import pytest
    from playwright.async_api import Page

SIZE = (300, 420)
CARD, SMALLER, PRINT = (22, 45, 276, 378), (22, 45, 200, 378), (36, 60, 262, 362)


async def draw(page: Page, label: int, box: tuple[float, float, float, float], *, is_saved: bool = True) -> None:
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    scale = (frame["height"] - 48) / SIZE[1]
    left, top = frame["x"] + (frame["width"] - SIZE[0] * scale) / 2, frame["y"] + 24
    await page.keyboard.press("b")
    await page.keyboard.press(str(label))
    await page.mouse.move(left + box[0] * scale, top + box[1] * scale)
    await page.mouse.down()
    await page.mouse.move(left + box[2] * scale, top + box[3] * scale, steps=2)
    await page.mouse.up()
    if is_saved:
        await saved(page)


async def test_a_second_reading_is_blind_makes_a_dispute_and_is_taken_over(
    studio: tuple[Browser, str], open_context: OpenContext, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    one, address = studio
    await one.make()
    await one.upload(rendered_card(tmp_path / "card", SIZE), "scan.png")
    pages = []
    for name in ("ada", "bob"):
        token = one.studio.sessions.make_login_token(name=name, role=Role.ANNOTATOR)
        page = (await open_context(address, token)).pages[0]
        await page.goto("/datasets/cards/annotate")
        await page.wait_for_selector("html[data-ready=yes]")
        pages.append(page)
    ada, bob = pages
    await draw(ada, 1, CARD)
    await draw(ada, 2, PRINT)
    await ada.locator("#review").select_option("done")
    await saved(ada)

    await bob.get_by_role("link", name="Mark it by yourself").press("Enter")
    await bob.wait_for_selector("#own-reading")
    await bob.wait_for_selector("html[data-ready=yes]")
    await expect(bob.locator("#shapes li")).to_have_count(0)
    await expect(bob.locator("#agreement-said")).to_have_text("shown once your review is done")
    await draw(bob, 1, SMALLER)
    assert len(shapes_of(one)) == 2  # what he draws is his own
    await bob.locator("#review").select_option("done")
    await expect(bob.locator("#agreement li")).to_contain_text("The shared marks, by ada")
    await expect(bob.locator("#agreement li")).to_contain_text("1 and 0 marks have no counterpart")

    await ada.reload()
    await ada.wait_for_selector("html[data-ready=yes]")
    await expect(ada.locator("#review")).to_have_value("disputed")
    await expect(ada.locator("#agreement li")).to_contain_text("1 of 2 and 1 marks are the same, IoU 0.7")
    await ada.get_by_role("button", name="Show the marks of bob").press("Enter")
    await expect(ada.locator("#proposals .name")).to_have_text(["outer_border · bob"])
    await keep_picture(ada, "agreement", request)
    await ada.evaluate(AXE.read_text())
    assert await broken_rules(ada, BY_DAY) == []
    await ada.get_by_role("button", name="Accept outer_border · bob").click()
    await saved(ada)
    assert len(shapes_of(one)) == 3

    await ada.goto("/datasets/cards")
    await expect(ada.locator("#agreement .figures")).to_contain_text("disputed1")
    await expect(ada.locator("#agreement li")).to_contain_text("scan.png bob")
    await keep_picture(ada, "agreement-dataset", request)
    await ada.evaluate(AXE.read_text())
    assert await broken_rules(ada, BY_DAY) == []
