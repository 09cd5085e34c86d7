"""Damage painted with the brush, in a real browser: strokes become outlines that cover what was painted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from truscore.datasets.shapes.geometry import polygon_area

from tests.browser.conftest import OpenContext, login_token
from tests.browser.test_annotating import opened, saved, shapes_of
from tests.unit.studio.studio_harness import Browser, png

if TYPE_CHECKING:
    from playwright.async_api import Page

SIDE = 300
# Of random masks, how many pixels differ between the mask with its holes filled and what its outlines cover.
DIFFERING = """async () => {
  const {outlinesOf} = await import("/web/model/masks.js");
  const {inside} = await import("/web/model/geometry.js");
  const [width, height] = [17, 13];
  let [seed, differing] = [11, 0];
  const random = () => { seed = (seed * 48271) % 2147483647; return seed / 2147483647; };
  for (let trial = 0; trial < 60; trial += 1) {
    const mask = Uint8Array.from({length: width * height}, () => (random() < 0.25 + trial / 120 ? 1 : 0));
    // From beyond the mask, over corners too: what is not reached is filled.
    const outside = new Set();
    const stack = [[-1, -1]];
    while (stack.length) {
      const [x, y] = stack.pop();
      if (x < -1 || y < -1 || x > width || y > height || outside.has(`${x},${y}`)) continue;
      if (x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x]) continue;
      outside.add(`${x},${y}`);
      for (const dx of [-1, 0, 1]) for (const dy of [-1, 0, 1]) stack.push([x + dx, y + dy]);
    }
    const shapes = outlinesOf(mask, width, height).map((ring) => ({kind: "polygon", points: ring.flat()}));
    for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) {
      const covered = shapes.some((shape) => inside(shape, [x + 0.5, y + 0.5]));
      if (covered === outside.has(`${x},${y}`)) differing += 1;
    }
  }
  return differing;
}"""


async def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> float:
    """Between two points of the image; returns the brush's radius in pixels of the image."""
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    scale = min(frame["width"] - 48, frame["height"] - 48) / SIDE
    left, top = (frame[at] + (frame[side] - SIDE * scale) / 2 for at, side in (("x", "width"), ("y", "height")))
    await page.mouse.move(left + start[0] * scale, top + start[1] * scale)
    await page.mouse.down()
    await page.mouse.move(left + end[0] * scale, top + end[1] * scale, steps=12)
    await page.mouse.up()
    await saved(page)
    return 12 / scale


def areas(one: Browser) -> list[float]:
    return sorted(polygon_area(points) for kind, _, points in shapes_of(one) if kind == "polygon")


async def test_outlines_cover_exactly_the_mask_with_its_holes_filled(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    page = (await open_context(address, login_token(one))).pages[0]
    assert await page.evaluate(DIFFERING) == 0


async def test_strokes_join_the_eraser_parts_and_undo_brings_back(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    await one.make(category="corner_analysis", option="damage_detection", class_names=["wear", "crease"])
    await one.upload(png(size=(SIDE, SIDE)))
    page = await opened(one, address, open_context)
    await page.keyboard.press("r")
    radius = await stroke(page, (80, 100), (220, 100))
    along = 140 * 2 * radius + math.pi * radius**2
    assert areas(one) == [pytest.approx(along, rel=0.03)]

    # Across: one outline still, and what both strokes cover is counted once.
    await stroke(page, (150, 60), (150, 160))
    both = along + 100 * 2 * radius + math.pi * radius**2 - (2 * radius) ** 2
    assert areas(one) == [pytest.approx(both, rel=0.03)]
    # Of another class: an outline of its own, though it touches.
    await page.keyboard.press("2")
    await stroke(page, (80, 100), (80, 200))
    assert [label for _, label, _ in shapes_of(one)] == [1, 2]
    await page.keyboard.press("Control+z")
    await saved(page)

    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await stroke(page, (120, 40), (120, 180))
    left, right = areas(one)
    assert left + right == pytest.approx(both - (2 * radius) ** 2, rel=0.03)
    assert left == pytest.approx((40 - radius) * 2 * radius + math.pi * radius**2 / 2, rel=0.05)
    await page.keyboard.press("Control+z")
    await saved(page)
    assert areas(one) == [pytest.approx(both, rel=0.03)]

    for _ in range(12):
        await page.keyboard.press("]")
    await stroke(page, (60, 100), (240, 100))
    assert areas(one) == []  # all of it is gone
