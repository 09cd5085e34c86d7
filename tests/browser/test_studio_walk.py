"""The way of a dataset through the studio, in a real browser before real services: from nothing to a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from truscore.datasets import read_dataset
from truscore.storage import S3Store, parse_uri
from truscore.synthesis import render_dataset

from deploy.local.servers.objects import ObjectServer
from deploy.local.services import studio_link
from tests.browser.conftest import OpenContext
from tests.connected.monitor.monitor_harness import publish
from tests.e2e.running import services_of
from tests.unit.monitor import event_sequences

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.connected

IMPORTED = 24
VERDICT_MS = 240_000


class Broker(Protocol):
    @property
    def amqp_url(self) -> str: ...


class Pictures:
    """Keeps a picture of each step where `--pictures` names a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def take(self, page: Page, name: str) -> None:
        if self._folder is not None:
            await page.screenshot(path=self._folder / f"studio-{name}.png")


async def test_a_dataset_is_created_filled_annotated_published_and_validated_in_a_browser(
    private_broker: Broker,
    s3: ObjectServer,
    bucket: str,
    tmp_path: Path,
    open_context: OpenContext,
    request: pytest.FixtureRequest,
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)  # a deadline against hanging: the machine may be busy
    cards = render_dataset(tmp_path / "cards", count=IMPORTED, seed=5, image_size=(320, 400))
    single = render_dataset(tmp_path / "single", count=1, seed=6, image_size=(640, 800))
    (scan,) = (single / "images").iterdir()
    scan = scan.rename(scan.with_name("scan-of-today.jpg"))
    pictures = Pictures(request.config.getoption("--pictures"))
    names = ["dataset-validator", "monitor", "studio"]
    with services_of(names, amqp_url=private_broker.amqp_url, s3=s3, bucket=bucket, folder=tmp_path) as services:
        address, _, token = studio_link(services.variables).partition("/login#")
        page = (await open_context(address, token)).pages[0]

        await page.get_by_role("link", name="Create the first dataset").click()
        await page.wait_for_url("**/datasets/new")
        await page.locator("#options").get_by_role("radio", name="dual class").click()
        await page.fill("#dataset-id", "holiday-scans")
        await pictures.take(page, "create")
        await page.get_by_role("button", name="Create, then add images").click()

        await page.wait_for_url("**/datasets/holiday-scans")
        await page.set_input_files("#folder", cards)
        await expect(page.locator(".grid .done")).to_have_count(IMPORTED, timeout=VERDICT_MS)
        await page.set_input_files("#files", [scan, cards / "annotations.json"])
        await expect(page.locator("#arrivals .good")).to_contain_text("1 added")
        await expect(page.locator("#arrivals .bad")).to_contain_text("annotations.json")
        await page.reload()
        await pictures.take(page, "dataset")

        await page.get_by_role("link", name="Annotate").click()
        await page.wait_for_selector("html[data-ready=yes]")
        await draw_borders(page, *borders_of(single))
        await expect(page.locator("#saved")).to_have_text("Saved")
        await expect(page.locator("#shapes li")).to_have_count(2)
        await pictures.take(page, "annotate")
        await page.emulate_media(color_scheme="dark")
        await pictures.take(page, "annotate-dark")
        await page.emulate_media(color_scheme="light")

        await page.goto("/datasets/holiday-scans")
        await page.fill("#notes", "first scans")
        await page.get_by_role("button", name="Publish and validate").click()
        await expect(page.locator("#versions .state")).to_have_text("validated", timeout=VERDICT_MS)
        await pictures.take(page, "published")

        published = download(s3, f"s3://{bucket}/datasets/holiday-scans/", tmp_path / "published")
        index = read_dataset(published).index
        assert index is not None
        assert (index.format, index.class_names) == ("truscore", ("outer_border", "graphical_border"))
        (drawn,) = (image for image in index.images if image.path == "scan-of-today.jpg")
        assert [len(mark.polygons[0]) for mark in drawn.annotations] == [8, 8]
        assert index.annotation_count == 2 * (IMPORTED + 1)

        await page.get_by_role("link", name="Train on it").click()
        await page.wait_for_url("**/train/**")
        await page.get_by_label("epochs").fill("0")
        await page.get_by_role("button", name="Order the training").click()
        await expect(page.locator("#refusal")).to_contain_text("1 to 10000")
        await page.get_by_label("epochs").fill("5")
        await pictures.take(page, "train")
        await page.get_by_role("button", name="Order the training").click()
        await expect(page.locator("#state")).to_have_text("queued", timeout=VERDICT_MS)

        await page.goto(f"/runs/{event_sequences.RUN}")
        await publish(private_broker.amqp_url, run_in_training())
        await expect(page.locator("#state")).to_have_text("training", timeout=60_000)
        await expect(page.locator("#figures")).to_contain_text("2 of 3")
        await pictures.take(page, "run")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator("#notices")).to_contain_text("asked for")
        await page.goto("/runs")
        await expect(page.locator("tbody tr")).to_have_count(2)
        await page.locator("select[name=state]").select_option("training")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**/runs?**state=training**")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await pictures.take(page, "runs")
        await page.goto("/")
        await expect(page.locator("tbody tr")).to_have_count(1)
        await pictures.take(page, "datasets")


def run_in_training() -> list[event_sequences.PublishedEvent]:
    """A run in the middle, as trainers report it."""
    steps = [event_sequences.progressed(10 * k, loss=2.0 / (1 + k / 4) + 0.05 * (k % 3), epoch=2) for k in range(1, 21)]
    ends = [event_sequences.epoch_done(1, loss=0.9), event_sequences.epoch_done(2, loss=0.6)]
    return [event_sequences.started(), *steps, *ends]


def borders_of(folder: Path) -> tuple[int, int, list[tuple[float, ...]]]:
    """Size of the only image, and the corners of its true borders, the outer one first."""
    data = json.loads((folder / "annotations.json").read_text())
    (image,) = data["images"]
    marks = sorted(data["annotations"], key=lambda mark: mark["category_id"])
    return image["width"], image["height"], [corners_of(mark["segmentation"][0]) for mark in marks]


def corners_of(outline: list[float]) -> tuple[float, ...]:
    """The outline's corners are rounded: of each, the point that lies farthest out."""
    points = list(zip(outline[::2], outline[1::2], strict=True))
    return tuple(
        number
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        for number in max(points, key=lambda point: point[0] * x + point[1] * y)
    )


async def draw_borders(page: Page, width: int, height: int, quads: list[tuple[float, ...]]) -> None:
    """Each border by four clicks on its corners, as the fitted image lies on the screen."""
    frame = await page.locator("#stage").bounding_box()
    assert frame is not None
    margin = 24
    scale = min((frame["width"] - 2 * margin) / width, (frame["height"] - 2 * margin) / height)
    left = frame["x"] + (frame["width"] - width * scale) / 2
    top = frame["y"] + (frame["height"] - height * scale) / 2
    for number, quad in enumerate(quads, start=1):
        await page.keyboard.press("q")
        await page.keyboard.press(str(number))
        for x, y in zip(quad[::2], quad[1::2], strict=True):
            await page.mouse.click(left + x * scale, top + y * scale)


def download(s3: ObjectServer, prefix: str, folder: Path) -> Path:
    """Everything below the prefix, under its only version."""
    store = S3Store(s3.endpoint, s3.access_key, s3.secret_key)
    for entry in store.list(prefix):
        key = parse_uri(entry.uri).key.split("/", 3)[3]
        if not key.startswith("_truscore"):
            store.get_file(entry.uri, folder / key)
    return folder
