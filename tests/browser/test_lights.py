"""The lights of an object in a real browser: one after the other under the marks of the image that is open."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from truscore.synthesis.lit import render_lit_dataset

from tests.browser.conftest import OpenContext, keep_picture
from tests.browser.test_annotating import opened, saved
from tests.unit.studio.studio_harness import Browser

LIGHTS = 4


def lit_object(folder: Path) -> list[tuple[str, bytes]]:
    render_lit_dataset(folder, count=1, lights=LIGHTS, image_size=(320, 240))
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]


async def take_lit_object(one: Browser, folder: Path) -> None:
    """A rendered surface under each of its lights, imported as a folder."""
    address = "/api/datasets/cards/imports/0123456789abcdef"
    for name, content in lit_object(folder):
        answer = await one.http.put(address, params={"name": name}, content=content)
        assert answer.status_code < 300, answer.text
    answer = await one.http.post(address)
    assert answer.json()["images"] == LIGHTS, answer.text


async def test_lights_are_flicked_under_the_marks_while_one_draws(
    studio: tuple[Browser, str], open_context: OpenContext, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    one, address = studio
    await one.make(category="surface_analysis", option="defect_detection", class_names=["scratch", "dent"])
    await take_lit_object(one, tmp_path / "lit")
    page = await opened(one, address, open_context)
    light = page.locator("#light")
    await expect(light).to_contain_text("Light 1 of 4")
    own = one.studio.drafts.images("cards")[0]
    assert one.studio.drafts.image("cards", own.image_id).light is not None

    async def middle() -> float:
        """How bright the picture is, as it is shown."""
        await page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        path = tmp_path / "stage.png"
        await page.locator("#stage").screenshot(path=path)
        shown = np.asarray(Image.open(path).convert("L"), float)
        height, width = shown.shape
        return float(shown[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3].mean())

    seen = [await middle()]
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    await page.keyboard.press("p")
    corners = ((0.45, 0.45), (0.55, 0.45), (0.5, 0.56))
    for number, (x, y) in enumerate(corners, start=2):
        await page.mouse.click(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])
        await page.keyboard.press("l")  # between two corners: what is drawn goes on
        await expect(light).to_contain_text(f"Light {number} of 4")
        seen.append(await middle())
    await page.keyboard.press("Enter")
    await saved(page)
    await expect(page.locator("#shapes li")).to_have_count(1)
    await keep_picture(page, "lights", request)
    assert min(abs(a - b) for a, b in itertools.pairwise(seen)) > 1  # each is another picture
    await page.keyboard.press("l")
    await expect(light).to_contain_text("Light 1 of 4")
    await page.keyboard.press("Shift+l")
    await expect(light).to_contain_text("Light 4 of 4")
    # The mark is of the image that was opened, and of no other.
    marks = [
        len(one.studio.journal.open("cards", each.image_id)[1].shapes) for each in one.studio.drafts.images("cards")
    ]
    assert marks == [1, 0, 0, 0]
