"""The magnet of borders, in a real browser: lines are placed to a fraction of a pixel, and only where there are any."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.browser.conftest import OpenContext, login_token
from tests.browser.test_annotating import opened, saved, shapes_of
from tests.unit.studio.studio_harness import Browser

if TYPE_CHECKING:
    from playwright.async_api import Page

# An edge that is blurred as by a scanner, `offset` outward at the middle and turned by `turn` from end to end.
FIT = """async ({offset, turn, noise, until}) => {
  const {fitEdge} = await import("/web/model/edges.js");
  const [rows, columns] = [60, 200];
  const values = new Float32Array(rows * columns * 3);
  let seed = 7;
  const random = () => { seed = (seed * 48271) % 2147483647; return seed / 2147483647 - 0.5; };
  for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) {
    const at = row + 0.5 - rows / 2 - offset - turn * (column / (columns - 1) - 0.5);
    const level = 128 + (column < until * columns ? 40 * Math.tanh(at / 1.2) : 0);
    for (let c = 0; c < 3; c += 1) values[3 * (row * columns + column) + c] = level + noise * random();
  }
  return fitEdge({rows, columns, values, inside: new Uint8Array(rows * columns).fill(1)}, {spread: 10, mostTurn: 12});
}"""
# Corners of a card, off the pixels and turned; and where somebody set them, up to seven pixels off.
TRUE = np.array([(61.3, 52.8), (340.2, 60.4), (331.7, 449.6), (52.4, 441.1)])
DRAWN = TRUE + np.array([(4.0, -3.0), (-5.0, 5.0), (5.0, -4.0), (-3.0, 5.0)])
SIDE = (400, 500)


def picture() -> bytes:
    """The card, each pixel the mean of 64, in the noise of a scan."""
    large = Image.new("RGB", (SIDE[0] * 8, SIDE[1] * 8), (70, 84, 90))
    ImageDraw.Draw(large).polygon([(8 * x, 8 * y) for x, y in TRUE], fill=(214, 190, 160))
    small_HWC = np.asarray(large.resize(SIDE, Image.Resampling.BOX), np.float64)
    noise_HWC = np.random.default_rng(3).normal(0, 4, small_HWC.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(small_HWC + noise_HWC, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def corners_of(one: Browser) -> NDArray[np.float64]:
    ((_, _, points),) = shapes_of(one)
    return np.array(points).reshape(4, 2)


def off(one: Browser) -> float:
    """Of the four corners the farthest, in pixels."""
    return float(np.hypot(*(corners_of(one) - TRUE).T).max())


async def test_lines_are_placed_to_a_fraction_of_a_pixel_and_only_where_there_are_any(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    await one.make()
    page = (await open_context(address, login_token(one))).pages[0]

    async def fit(**more: Any) -> Any:
        return await page.evaluate(FIT, {"offset": 0, "turn": 0, "noise": 0, "until": 1, **more})

    for offset, turn in ((0.0, 0.0), (0.37, 0.0), (-6.81, 3.3), (9.42, -7.6)):
        clean = await fit(offset=offset, turn=turn)
        assert (clean["offset"], clean["turn"]) == pytest.approx((offset, turn), abs=0.03)
        noisy = await fit(offset=offset, turn=turn, noise=40)
        assert (noisy["offset"], noisy["turn"]) == pytest.approx((offset, turn), abs=0.3)
    assert await fit(until=0, noise=40) is None  # noise alone
    assert await fit(until=0) is None  # nothing at all
    assert await fit(until=0.25) is None  # print that runs along a quarter of the side


async def test_sides_go_to_the_edges_of_the_picture_unless_they_are_held(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    await one.make()
    await one.upload(picture())
    (image,) = one.studio.drafts.images("cards")
    shape = {"id": "card", "kind": "quad", "label": 1, "points": list(map(float, DRAWN.ravel()))}
    body = {"base": 0, "batch_id": "b", "ops": [{"op": "put", "shape": shape}]}
    await one.http.post(f"/api/datasets/cards/images/{image.image_id}/operations", json=body)
    assert off(one) > 4
    page = await opened(one, address, open_context)
    await page.keyboard.press("n")
    await page.keyboard.press("s")
    await saved(page)
    assert off(one) < 0.2

    # A side is dragged outward by some pixels and goes back by itself; held with Alt it stays where it was let go.
    await drag_right_side(page, by_px=6)
    await saved(page)
    assert off(one) < 0.2
    await page.keyboard.down("Alt")
    await drag_right_side(page, by_px=6)
    await page.keyboard.up("Alt")
    await saved(page)
    assert off(one) == pytest.approx(6, abs=1)
    await page.keyboard.press("Control+z")
    await page.get_by_role("button", name="Magnet").click()
    await drag_right_side(page, by_px=6)
    await saved(page)
    assert off(one) == pytest.approx(6, abs=1)
    assert np.abs(corners_of(one) - TRUE)[[0, 3]].max() < 0.2  # the other sides' corners have not moved


async def drag_right_side(page: Page, *, by_px: float) -> None:
    """By its middle, in pixels of the image."""
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    scale = min((frame["width"] - 48) / SIDE[0], (frame["height"] - 48) / SIDE[1])
    left = frame["x"] + (frame["width"] - SIDE[0] * scale) / 2
    top = frame["y"] + (frame["height"] - SIDE[1] * scale) / 2
    x, y = TRUE[1:3].mean(0)
    await page.mouse.move(left + x * scale, top + y * scale)
    await page.mouse.down()
    await page.mouse.move(left + (x + by_px) * scale, top + y * scale, steps=3)
    await page.mouse.up()


async def test_the_look_of_a_picture_changes_and_its_whole_is_seen_when_zoomed(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    from playwright.async_api import expect

    one, address = studio
    await one.make()
    await one.upload(picture())
    page = await opened(one, address, open_context)
    map_ = page.locator("#minimap")
    await expect(map_).to_be_hidden()
    for _ in range(6):
        await page.keyboard.press("+")
    await expect(map_).to_be_visible()
    before = await page.locator("#stage").screenshot()
    await page.keyboard.press("b")
    for _ in range(30):
        await page.keyboard.press("Shift+ArrowRight")  # the cursor stays in sight, and the picture with it
    assert await page.locator("#stage").screenshot() != before
    await page.keyboard.press("v")
    before = await page.locator("#stage").screenshot()
    box = await map_.bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + 20, box["y"] + 20)
    assert await page.locator("#stage").screenshot() != before  # another part is in sight

    await page.keyboard.press("f")
    await page.keyboard.press("k")
    shown = np.asarray(Image.open(io.BytesIO(await page.locator("#stage").screenshot())).convert("RGB")).astype(int)
    height, width = shown.shape[:2]
    middle_HWC = shown[height // 2 - 80 : height // 2 + 80, width // 2 - 80 : width // 2 + 80]
    assert np.abs(middle_HWC - middle_HWC[..., :1]).max() <= 2  # red alone: grey
    await page.locator("summary", has_text="How the picture is shown").click()
    await page.locator("#plain").click()
    assert await page.locator("#contrast").input_value() == "100"
