"""Annotating in a real browser: by pointer, by keyboard alone, two people at once, with names that would be code."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from PIL import Image

from services.studio.access import Role
from tests.browser.conftest import OpenContext, login_token
from tests.unit.studio.studio_harness import Browser, png

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Locator, Page, Route

XSS = '<img src=x onerror="document.title=1">'


async def opened(one: Browser, address: str, open_context: OpenContext) -> Page:
    context: BrowserContext = await open_context(address, login_token(one, Role.ANNOTATOR))
    page = context.pages[0]
    await page.goto("/datasets/cards/annotate")
    await page.wait_for_selector("html[data-ready=yes]")
    return page


async def saved(page: Page) -> None:
    from playwright.async_api import expect

    await expect(page.locator("#saved")).to_have_text("Saved", timeout=60_000)


def shapes_of(one: Browser) -> list[tuple[str, int, tuple[float, ...]]]:
    (image,) = one.studio.drafts.images("cards")
    _, document = one.studio.journal.open("cards", image.image_id)
    return [(shape.kind, shape.label, shape.points) for shape in document.shapes.values()]


async def test_marks_are_drawn_by_pointer_and_by_keyboard_alone(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    await one.make(class_names=["outer_border", XSS])
    await one.upload(png(size=(200, 200)), f"{XSS}.png")
    page = await opened(one, address, open_context)
    assert await page.title() != "1"  # names are text
    middle = await page.evaluate(
        """() => { const at = document.getElementById("stage").getBoundingClientRect();
        return [at.left + at.width / 2, at.top + at.height / 2]; }"""
    )
    await page.keyboard.press("b")
    await page.mouse.move(middle[0] - 60, middle[1] - 60)
    await page.mouse.down()
    await page.mouse.move(middle[0] + 60, middle[1] + 60, steps=3)
    await page.mouse.up()
    await saved(page)
    ((kind, label, points),) = shapes_of(one)
    assert (kind, label) == ("box", 1)
    assert [round(a + b) for a, b in zip(points[:2], points[2:], strict=True)] == [200, 200]  # about the middle
    await page.keyboard.press("q")
    await page.keyboard.press("2")
    await page.mouse.move(5, 5)
    for keys in ("Shift+ArrowLeft", "Shift+ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"):
        for _ in range(2):
            await page.keyboard.press(keys)
        await page.keyboard.press(" ")
    await saved(page)
    drawn = shapes_of(one)[1]
    assert drawn[:2] == ("quad", 2)
    xs, ys = drawn[2][::2], drawn[2][1::2]
    assert [round(max(side) - min(side)) for side in (xs, ys)] == [20, 20]
    for key, count in (("Control+z", 1), ("Control+z", 0), ("Control+Shift+z", 1), ("Control+Shift+z", 2)):
        await page.keyboard.press(key)
        await saved(page)
        assert len(shapes_of(one)) == count
    await page.keyboard.press("n")
    await page.keyboard.press("Delete")
    await saved(page)
    assert len(shapes_of(one)) == 1
    assert await page.locator("img[src=x]").count() == 0
    await change_keys(page)


STEPS = 200
# Presses a key so often, with what the browser does between two of them.
PRESS = """async ([key, times, ctrlKey, shiftKey]) => {
  for (let n = 0; n < times; n += 1) {
    const pressed = { key, ctrlKey, shiftKey, bubbles: true, cancelable: true };
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", pressed));
    if (n % 10 === 0) await new Promise(requestAnimationFrame);
  }
}"""


async def test_two_hundred_steps_are_undone_and_some_made_again(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    await one.make()
    await one.upload(png(size=(400, 400)))
    page = await opened(one, address, open_context)
    await page.keyboard.press("b")
    await page.mouse.move(400, 300)
    await page.mouse.down()
    await page.mouse.move(450, 360, steps=2)
    await page.mouse.up()
    await page.keyboard.press("n")
    await saved(page)
    ((_, _, drawn),) = shapes_of(one)
    for keys, moved in (
        (["ArrowRight", STEPS, False, False], STEPS),
        (["z", STEPS, True, False], 0),
        (["z", 3, True, True], 3),
        (["z", 4, True, False], None),  # the box itself was a step
    ):
        await page.evaluate(PRESS, keys)
        await saved(page)
        found = shapes_of(one)
        if moved is None:
            assert found == []
            continue
        ((_, _, points),) = found
        assert [round(now - then, 6) for now, then in zip(points, drawn, strict=True)] == [moved, 0, moved, 0]


async def change_keys(page: Page) -> None:
    """The box gets the polygon's key, by keyboard; the polygon the box's; after a reload they still have them."""
    from playwright.async_api import expect

    def pressed(tool: str) -> Locator:
        return page.locator(f"[data-tool={tool}][aria-pressed=true]")

    await page.locator("summary", has_text="Keys").press("Enter")
    await page.locator("#keys [data-row=b]").press("Enter")
    await page.keyboard.press("p")
    await expect(page.locator("#keys [data-row=b]")).to_have_text("P")
    await expect(page.locator("#keys [data-row=p]")).to_have_text("B")
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    await page.keyboard.press("p")
    await expect(pressed("box")).to_have_count(1)
    await page.keyboard.press("b")
    await expect(pressed("polygon")).to_have_count(1)
    await page.locator("summary", has_text="Keys").press("Enter")
    await page.locator("#keys [data-row=b]").press("Enter")
    await page.keyboard.press("1")  # chooses a class, whatever else is changed
    await expect(page.locator("#notices .bad")).to_contain_text("digits choose classes")
    await page.locator("#plain-keys").click()
    await page.keyboard.press("b")
    await expect(pressed("box")).to_have_count(1)


async def test_two_people_on_one_image_both_see_all_marks(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    await one.make()
    await one.upload(png(size=(200, 200)))
    pages = [await opened(one, address, open_context) for _ in range(2)]
    for page, shift in zip(pages, (0, 40), strict=True):
        await page.keyboard.press("b")
        await page.mouse.move(400 + shift, 300)
        await page.mouse.down()
        await page.mouse.move(450 + shift, 360, steps=2)
        await page.mouse.up()
        await saved(page)
    assert len(shapes_of(one)) == 2
    # The second had begun before the first was saved, and was put upon it.
    assert await pages[1].locator("#shapes li").count() == 2


async def test_by_plain_http_to_another_host_marks_are_drawn_as_well(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    await one.make()
    await one.upload(png(size=(200, 200)))
    page = (await open_context(address, login_token(one, Role.ANNOTATOR))).pages[0]
    # What browsers keep for https and localhost.
    await page.add_init_script("delete Crypto.prototype.randomUUID; delete Crypto.prototype.subtle;")
    await page.goto("/datasets/cards/annotate")
    await page.wait_for_selector("html[data-ready=yes]")
    await page.keyboard.press("b")
    await page.mouse.move(400, 300)
    await page.mouse.down()
    await page.mouse.move(450, 360, steps=2)
    await page.mouse.up()
    await saved(page)
    assert [kind for kind, _, _ in shapes_of(one)] == ["box"]


async def test_a_picture_that_arrives_after_the_stage_was_drawn_is_shown_whole(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    await one.make()
    await one.upload(png((30, 60, 200), size=(200, 200)))
    context = await open_context(address, login_token(one, Role.ANNOTATOR))
    page = context.pages[0]

    async def late(route: Route) -> None:
        await page.wait_for_selector("#finding-count:not(:empty)", state="attached")  # drawn anew by what is found
        await page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        await route.continue_()

    await page.route("**/tiles/**", late)
    await page.goto("/datasets/cards/annotate")
    await page.wait_for_selector("html[data-ready=yes]")
    await page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    picture = Image.open(io.BytesIO(await page.locator("#stage").screenshot())).convert("RGB")
    shown = picture.getpixel((picture.width // 2 + 100, picture.height // 2 + 100))
    assert isinstance(shown, tuple)
    assert tuple(round(value / 20) * 20 for value in shown) == (40, 60, 200)


async def test_an_edit_that_could_not_be_sent_outlives_the_page(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    one, address = studio
    await one.make()
    await one.upload(png(size=(200, 200)))
    page = await opened(one, address, open_context)
    await page.context.set_offline(True)
    await page.keyboard.press("b")
    await page.mouse.move(400, 300)
    await page.mouse.down()
    await page.mouse.move(450, 360, steps=2)
    await page.mouse.up()
    await expect(page.locator("#saved")).to_contain_text("does not answer", timeout=60_000)
    assert shapes_of(one) == []
    await page.context.set_offline(False)
    again = await page.context.new_page()
    await page.close()  # as if it had crashed
    await again.goto("/datasets/cards/annotate")
    await expect(again.locator("#shapes li")).to_have_count(1, timeout=60_000)
    await saved(again)
    assert len(shapes_of(one)) == 1


async def test_the_next_image_opens_on_the_same_page_and_each_keeps_its_own_marks(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    one, address = studio
    await one.make()
    for number, color in enumerate(((200, 30, 30), (30, 30, 200), (30, 160, 30))):
        await one.upload(png(color, size=(1300, 700)), f"{number}.png")
    page = await opened(one, address, open_context)
    await page.evaluate("window.sameAsBefore = true")

    async def draw_box() -> None:
        await page.keyboard.press("b")
        await page.mouse.move(400, 300)
        await page.mouse.down()
        await page.mouse.move(450, 360, steps=2)
        await page.mouse.up()

    async def shown() -> tuple[int, ...]:
        picture = Image.open(io.BytesIO(await page.locator("#stage").screenshot())).convert("RGB")
        found = picture.getpixel((picture.width - 100, picture.height // 2))
        assert isinstance(found, tuple)
        return tuple(round(value / 50) * 50 for value in found)

    await draw_box()
    await expect(page.locator("#stage")).to_have_attribute("aria-label", re.compile("0.png"))
    assert await shown() == (200, 50, 50)
    await page.keyboard.press("PageDown")
    await expect(page.locator("#stage")).to_have_attribute("aria-label", re.compile("1.png"))
    assert await shown() == (50, 50, 200)
    await expect(page.locator("#shapes li")).to_have_count(0)
    await page.keyboard.press("Control+z")  # undoes nothing of another image
    await draw_box()
    await draw_box()
    await page.keyboard.press("PageDown")
    await expect(page.locator(".position")).to_have_text("3 of 3")
    assert page.url.endswith(str(one.studio.drafts.images("cards")[2].image_id))
    await page.go_back()
    await expect(page.locator("#shapes li")).to_have_count(2)
    await page.keyboard.press("PageUp")
    await expect(page.locator("#shapes li")).to_have_count(1)
    await saved(page)
    marks = [
        len(one.studio.journal.open("cards", image.image_id)[1].shapes) for image in one.studio.drafts.images("cards")
    ]
    assert marks == [1, 2, 0]
    assert await page.evaluate("window.sameAsBefore")
