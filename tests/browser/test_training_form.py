"""What came of a run and how to order it again: hardware, models, lineage, and a form that begins with something."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from truscore.access import anonymous
from truscore.configuration.text import config_of
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.telemetry_pb2 import GpuSample
from truscore.recipes import resolve
from truscore.storage import MemoryStore
from truscore.telemetry import serve_grpc

from services.experiment_tracker.handlers import Reads
from services.experiment_tracker.ledger import MemoryLedger
from services.studio.access import Role
from services.studio.drafts.store import Version
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.browser.test_accessibility import AXE, BY_DAY, BY_NIGHT, broken_rules
from tests.unit.experiment_tracker import run_events
from tests.unit.monitor import event_sequences
from tests.unit.studio.constant_model import border_model
from tests.unit.studio.finished_runs import events_of, monitor_of
from tests.unit.studio.studio_harness import Browser, browser, png

if TYPE_CHECKING:
    from playwright.async_api import Page

ROW = {"category": "border_detection", "option": "dual_class", "architecture": "mask_rcnn"}
RUN = event_sequences.RUN
EPOCHS, SEED = "hyperparameters.training_process.epochs", "seed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    one: Browser
    address: str


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """A draft whose version 1 was trained on a host with a GPU, and what monitor and tracker say of that run."""
    store = MemoryStore()
    file = border_model(folder / "model.onnx", ((5, 6, 50, 7, 51, 70, 4, 69), (12, 14, 44, 15, 43, 60, 11, 61)))
    gpu = GpuSample(name="H200", utilization_percent=93, memory_used_bytes=90 * 2**30, memory_total_bytes=140 * 2**30)
    events = [*events_of(store, file, run_id=RUN, **ROW), event_sequences.sampled(gpus=[gpu], process_cpu_percent=310)]
    recipe = resolve("border_detection", "dual_class", "mask_rcnn", {"seed": 77}, profile="full")
    store.put(f"s3://truscore/runs/{RUN}/config.json", json.dumps(config_of(recipe)).encode())
    ledger = MemoryLedger()
    other = run_events.started(500, run_id="run-" + "1" * 20)
    run_events.record_all(ledger, [*run_events.whole_run()[:-1], run_events.exported(), other])
    async with (
        monitor_of(events) as monitor,
        serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[Reads(ledger).add_to]) as tracker,
        browser(folder, store=store, monitor_address=monitor, tracker_address=f"127.0.0.1:{tracker}") as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make(architecture="mask_rcnn")
        await one.upload(png(size=(200, 200)))
        one.studio.drafts.put_version(
            Version(
                dataset_id="cards", version="1", uri="s3://truscore/datasets/cards/1/", format="truscore", notes="",
                images=1, marks=0, state="VALIDATED", message="", at=1.0, author="ada",
            )
        )  # fmt: skip
        yield Scene(one=one, address=f"http://127.0.0.1:{port}")


async def accessible(page: Page) -> None:
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await broken_rules(page, BY_DAY)
    await page.emulate_media(color_scheme="dark")
    found += await broken_rules(page, BY_NIGHT)
    await page.emulate_media(color_scheme="light")
    assert found == []


async def test_a_run_is_ordered_again_with_its_own_configuration_or_with_a_suggestion(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    async with scene(tmp_path) as given:
        page = (await open_context(given.address, login_token(given.one, Role.OPERATOR))).pages[0]
        await page.goto(f"/runs/{RUN}")
        await expect(page.locator("#hardware")).to_contain_text("gpu-1")
        await expect(page.locator("#hardware")).to_contain_text("0 H20093 %90.0 GiB of 140.0 GiB")
        await accessible(page)
        await page.get_by_role("link", name="Order it again").click()
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.locator("#beginning-said")).to_contain_text(f"the configuration of run {RUN}")
        await expect(page.locator(f"[id='{SEED}']")).to_have_value("77")

        await page.locator("#beginning").select_option("suggestion")
        await expect(page.locator("#memory_gib")).to_have_value("16")
        await expect(page.locator("#gpu_gib")).to_have_value("140")
        await expect(page.locator("#beginning-said")).to_contain_text("1 × H200 (gpu-1)")
        await expect(page.locator(f"[data-key='{EPOCHS}'] .why")).to_contain_text("Because: ")
        await keep_picture(page, "training-form", request)
        await accessible(page)
        await page.locator(f"[id='{EPOCHS}']").fill("7")
        await page.get_by_role("button", name="Order the training").click()
        await page.wait_for_url("**/runs/cards/1")
    ((ready, _),) = given.one.asked_of_services()
    assert isinstance(ready, DatasetReady)
    config = ready.training.config
    assert config.hyperparameters.training_process.epochs == 7
    assert config.architecture_config.base_architecture, "all of the suggestion is sent"


async def test_a_template_fills_the_form_and_another_ones_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as given:
        page = (await given.one.http.get("/datasets/cards/train/1")).text
        name = page.partition('value="templates/')[2].partition('"')[0]
        found = (await given.one.http.get(f"/api/datasets/cards/templates/{name}")).json()
        assert found["values"][EPOCHS] > 1
        assert found["reasons"].keys() == found["values"].keys()
        answers = [
            await given.one.http.get("/api/datasets/cards/templates/none"),
            await given.one.http.get("/api/datasets/cards/configurations/run-" + "9" * 20),
            await given.one.http.get("/api/datasets/cards/suggestion?cores=x"),
        ]
        assert [each.status_code for each in answers] == [404, 404, 400]
        await given.one.log_in(Role.ANNOTATOR)
        assert (await given.one.http.get("/api/datasets/cards/suggestion")).status_code == 403


async def test_models_say_how_near_they_are_and_what_came_of_what_is_a_graph(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    async with scene(tmp_path) as given:
        page = (await open_context(given.address, login_token(given.one, Role.READER))).pages[0]
        await page.goto("/models")
        await expect(page.locator("table.files")).to_contain_text("passed off by 1.2e-05 at most")
        await expect(page.locator("table.files")).to_contain_text("in image float32 [1, 3, height, width]")
        await keep_picture(page, "models", request)
        await accessible(page)
        await page.goto("/lineage")
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.locator(".node.run")).to_have_count(2)
        await expect(page.locator("#lineage path")).to_have_count(3)
        await keep_picture(page, "lineage", request)
        await accessible(page)
        await page.locator(".node.model").focus()
        await expect(page.locator(".node.aside")).to_have_count(1)
        await page.get_by_label("Lineage of").fill("nothing <b>")
        await page.get_by_label("Lineage of").press("Enter")
        await expect(page.get_by_role("heading", name="Nothing on record is called “nothing <b>”")).to_be_visible()
