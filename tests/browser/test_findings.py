"""The validator's findings while one annotates, in a real browser: beside the mark, in the list, by key, and gone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.conftest import OpenContext, keep_picture
from tests.browser.rendered_card import rendered_card
from tests.browser.test_accessibility import AXE, BY_DAY, broken_rules
from tests.browser.test_annotating import opened, saved
from tests.unit.studio.studio_harness import Browser

if TYPE_CHECKING:
    import pytest

BOXES = ((0.2, 0.2, 0.7, 0.8), (0.3, 0.3, 0.95, 0.6))  # of the image: the second crosses the first


async def test_what_the_validator_would_say_stands_beside_the_mark_and_goes_with_the_fault(
    studio: tuple[Browser, str], open_context: OpenContext, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    one, address = studio
    await one.make()
    await one.upload(rendered_card(tmp_path / "card", (400, 560)))
    page = await opened(one, address, open_context)
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    scale = (frame["height"] - 48) / 560
    left, top = frame["x"] + (frame["width"] - 400 * scale) / 2, frame["y"] + 24
    for label, (x0, y0, x1, y1) in enumerate(BOXES, start=1):
        await page.keyboard.press("b")
        await page.keyboard.press(str(label))
        await page.mouse.move(left + x0 * 400 * scale, top + y0 * 560 * scale)
        await page.mouse.down()
        await page.mouse.move(left + x1 * 400 * scale, top + y1 * 560 * scale, steps=2)
        await page.mouse.up()
        await saved(page)
    crossing = page.locator("#findings button.error", has_text="leaves the outer border")
    await expect(crossing).to_contain_text("error, mark 2 (graphical_border)")
    await page.keyboard.press("Escape")
    await expect(page.locator("#beside")).to_be_hidden()

    await page.keyboard.press(
        "w"
    )  # through the findings, errors first: the mark is selected, its words stand beside it
    await expect(page.locator("#findings [aria-pressed=true]")).to_have_count(1)
    await expect(page.locator("#shapes [aria-pressed=true]")).to_contain_text("graphical_border")
    await expect(page.locator("#beside")).to_contain_text("leaves the outer border")
    await keep_picture(page, "findings", request)
    await page.evaluate(AXE.read_text())
    assert await broken_rules(page, BY_DAY) == []
    await page.emulate_media(color_scheme="dark")
    assert await broken_rules(page, ["color-contrast"]) == []
    await page.emulate_media(color_scheme="light")

    await page.locator("#stage").focus()
    for _ in range(2):
        await page.keyboard.press("c")
    for _ in range(12):
        await page.keyboard.press("Shift+ArrowLeft")  # its right side comes into the card
    await saved(page)
    await expect(crossing).to_have_count(0)
