"""From scans to a model and back to the next scans, in a real browser before the real services: what the studio is for.

Scans are uploaded without marks, their borders drawn by pointer and by keys alone, published, trained on and watched
until the model is exported; then that model suggests the borders of scans that nobody has marked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from truscore.datasets import DatasetIndex, ImageRecord, read_dataset
from truscore.synthesis import render_dataset

from deploy.local.servers.objects import ObjectServer
from deploy.local.services import studio_link
from tests.browser.conftest import OpenContext
from tests.browser.test_annotating import saved
from tests.browser.test_studio_walk import Broker, Pictures, corners_of, draw_borders
from tests.e2e.running import services_of

if TYPE_CHECKING:
    from playwright.async_api import Page

# Minutes: a whole training. `make chaos` runs it.
pytestmark = [pytest.mark.connected, pytest.mark.chaos, pytest.mark.timeout(1800)]
SERVICES = ["dataset-validator", "trainer", "exporter", "monitor", "studio"]
SCANS = "truscore_card_borders_yolo/combined_dual_class"
MARKED, BY_KEYS, NEXT = 12, 2, 2
MOST_MS = 1_200_000
Corners = tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """A picture and the corners of its true borders, the outer one first."""

    path: Path
    width: int
    height: int
    borders: tuple[Corners, ...]


def scans_of(index: DatasetIndex, root: Path) -> list[Scan]:
    return [
        Scan(path=root / image.path, width=image.width, height=image.height, borders=borders)
        for image in index.images
        if len(borders := _borders(image)) == 2
    ]


def _borders(image: ImageRecord) -> tuple[Corners, ...]:
    found = []
    for mark in sorted(image.annotations, key=lambda mark: mark.label):
        x, y, width, height = mark.box_xywh
        boxed = (x, y, x + width, y, x + width, y + height, x, y + height)
        found.append(corners_of(list(mark.polygons[0])) if mark.polygons else boxed)
    return tuple(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scans:
    """Fourteen pictures, and for how long they are trained on."""

    pictures: list[Scan]
    epochs: int


@pytest.fixture(params=["rendered", "scanned"])
def scans(request: pytest.FixtureRequest, tmp_path: Path) -> Scans:
    """Rendered cards, and real scans where the real data lies beside the repository."""
    if request.param == "rendered":
        folder = render_dataset(tmp_path / "cards", count=MARKED + NEXT, seed=5, image_size=(640, 800))
    else:
        folder = request.getfixturevalue("shared_data") / SCANS
    index = read_dataset(folder).index
    assert index is not None
    pictures = scans_of(index, folder)[: MARKED + NEXT]
    # Cards on a scanner lie alike, and are learnt sooner.
    return Scans(pictures=pictures, epochs=60 if request.param == "rendered" else 20)


async def test_a_model_of_what_was_drawn_suggests_the_borders_of_the_next_scans(
    scans: Scans,
    private_broker: Broker,
    s3: ObjectServer,
    bucket: str,
    tmp_path: Path,
    open_context: OpenContext,
    request: pytest.FixtureRequest,
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)
    pictures = Pictures(request.config.getoption("--pictures"))
    marked, following = scans.pictures[:MARKED], scans.pictures[MARKED:]
    with services_of(SERVICES, amqp_url=private_broker.amqp_url, s3=s3, bucket=bucket, folder=tmp_path) as services:
        address, _, token = studio_link(services.variables).partition("/login#")
        page = (await open_context(address, token)).pages[0]
        await created(page, "my-scans")
        await uploaded(page, marked)
        await pictures.take(page, "loop-1-uploaded")

        await page.get_by_role("link", name="Annotate").click()
        await page.wait_for_selector("html[data-ready=yes]")
        by_name = {scan.path.name: scan for scan in marked}
        for number in range(MARKED):
            await expect(page.locator(".position")).to_have_text(f"{number + 1} of {MARKED}")
            label = await page.locator("#stage").get_attribute("aria-label") or ""
            scan = next(by_name[name] for name in by_name if f"Image {name};" in label)
            if number < BY_KEYS:
                await drawn_by_keys(page, scan)
            else:
                await draw_borders(page, scan.width, scan.height, list(scan.borders))
            await saved(page)
            await expect(page.locator("#shapes li")).to_have_count(2)
            if number in (0, BY_KEYS):
                await pictures.take(page, f"loop-2-annotated-{'by-keys' if number < BY_KEYS else 'by-pointer'}")
            await page.keyboard.press("PageDown")

        await page.goto("/datasets/my-scans")
        await page.get_by_role("button", name="Publish and validate").click()
        await expect(page.locator("#versions .state")).to_have_text(re.compile("validated|rejected"), timeout=MOST_MS)
        assert await page.locator("#versions .state").inner_text() == "validated", await page.inner_text("main")
        await pictures.take(page, "loop-3-published")
        await page.get_by_role("link", name="Train on it").click()
        await page.wait_for_url("**/train/**")
        await page.get_by_label("epochs").fill(str(scans.epochs))
        await page.get_by_role("button", name="Order the training").click()
        await expect(page.locator("#state")).to_have_text("training", timeout=MOST_MS)
        await expect(page.locator("#figures")).to_contain_text(f"of {scans.epochs}", timeout=MOST_MS)
        await pictures.take(page, "loop-4-training")
        await expect(page.locator("#state")).to_have_text("exported", timeout=MOST_MS)
        await pictures.take(page, "loop-5-exported")

        await page.goto("/datasets/my-scans")
        await uploaded(page, following, among=MARKED)
        errors = [await suggested(page, scan, pictures) for scan in following]
        guesses = [_off(average_border(marked, scan), scan) for scan in following]
        print(f"corners off by {np.round(errors, 2)} % of the width, a guess by {np.round(guesses, 2)}")  # noqa: T201
        assert all(error < guess for error, guess in zip(errors, guesses, strict=True)), (errors, guesses)


async def created(page: Page, name: str) -> None:
    await page.goto("/datasets/new")
    await page.locator("#options").get_by_role("radio", name="dual class").click()
    await page.fill("#dataset-id", name)
    await page.get_by_role("button", name="Create, then add images").click()
    await page.wait_for_url(f"**/datasets/{name}")


async def uploaded(page: Page, scans: Sequence[Scan], *, among: int = 0) -> None:
    from playwright.async_api import expect

    await page.set_input_files("#files", [scan.path for scan in scans])
    await expect(page.locator(".grid li")).to_have_count(among + len(scans), timeout=MOST_MS)


async def drawn_by_keys(page: Page, scan: Scan) -> None:
    """By arrows and the space bar, ten pixels with Shift, else one: from the picture's middle, where the cursor is at
    first, to each corner in turn."""
    at = [scan.width / 2, scan.height / 2]
    for number, border in enumerate(scan.borders, start=1):
        await page.keyboard.press("q")
        await page.keyboard.press(str(number))
        for corner in zip(border[::2], border[1::2], strict=True):
            for axis, keys in enumerate((("ArrowLeft", "ArrowRight"), ("ArrowUp", "ArrowDown"))):
                steps = round(corner[axis] - at[axis])
                key = keys[steps > 0]
                for _ in range(abs(steps) // 10):
                    await page.keyboard.press(f"Shift+{key}")
                for _ in range(abs(steps) % 10):
                    await page.keyboard.press(key)
                at[axis] += steps
            await page.keyboard.press(" ")


async def suggested(page: Page, scan: Scan, pictures: Pictures) -> float:
    """What the model proposes for the scan, accepted: how far the corners of the nearest outer border lie off the true
    ones on average, in hundredths of the picture's width. 100 where it proposes none."""
    from playwright.async_api import expect

    entry = page.locator(".grid a", has_text=scan.path.name)
    await entry.click()
    await page.wait_for_selector("html[data-ready=yes]")
    await expect(page.locator("#suggest")).to_be_enabled()
    await page.keyboard.press("g")
    await expect(page.locator("#proposals .name").first).to_be_visible(timeout=MOST_MS)
    await pictures.take(page, "loop-6-suggested")
    await page.keyboard.press("a")
    await saved(page)
    dataset, image = page.url.split("/")[-3], page.url.split("/")[-1]
    answer = await page.evaluate(
        "(address) => fetch(address).then((answer) => answer.json())",
        f"/api/datasets/{dataset}/images/{image}/document",
    )
    await page.go_back()
    outer = [shape["points"] for shape in answer["document"]["shapes"] if shape["label"] == 1]
    return min((_off(points, scan) for points in outer), default=100.0)


def average_border(marked: Sequence[Scan], scan: Scan) -> list[float]:
    """The trivial predictor: where the outer border of marked scans lies on average, whatever this one shows."""
    shares = [np.reshape(each.borders[0], (4, 2)) / (each.width, each.height) for each in marked]
    corners: list[float] = (np.mean(shares, axis=0) * (scan.width, scan.height)).reshape(-1).tolist()
    return corners


def _off(outer: Sequence[float], scan: Scan) -> float:
    apart_42 = np.reshape(np.subtract(outer, scan.borders[0]), (4, 2))
    return float(100 * np.linalg.norm(apart_42, axis=1).mean() / scan.width)
