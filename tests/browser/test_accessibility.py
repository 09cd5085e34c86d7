"""No page breaks a rule of WCAG 2.2 A or AA that axe-core can check, by day or by night.

axe-core (MPL-2.0) is no part of the project: without axe-playwright-python, which brings it, this is skipped.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from truscore.storage import MemoryStore

from services.studio.access import Role
from services.studio.http_server import serve_http
from services.trainer.worker.report.writer import write_report
from tests.browser.conftest import OpenContext, login_token
from tests.unit.monitor import event_sequences
from tests.unit.studio.constant_model import border_model
from tests.unit.studio.finished_runs import events_of, monitor_of
from tests.unit.studio.studio_harness import browser, png
from tests.unit.trainer.worker.test_training_report import border_details, findings, summary

if TYPE_CHECKING:
    from playwright.async_api import Page

FOUND = importlib.util.find_spec("axe_playwright_python")
AXE = Path(FOUND.submodule_search_locations[0]) / "axe.min.js" if FOUND and FOUND.submodule_search_locations else None
pytestmark = pytest.mark.skipif(
    AXE is None or not AXE.is_file(), reason="axe-core is not installed: `uv pip install axe-playwright-python`"
)
RUNS = ("run-0000000000000000000a", "run-0000000000000000000b")
ROW = {"category": "border_detection", "option": "dual_class", "architecture": "yolo"}
# Address, and what has to be there before the page is looked at.
PAGES = (
    ("/", "table.list"),
    ("/datasets/new", "#options [role=radio]"),
    ("/datasets/cards", ".grid img"),
    ("/datasets/cards/data", "html[data-ready=yes]"),
    ("/datasets/cards/annotate", "html[data-ready=yes]"),
    ("/runs", "table.list"),
    (f"/runs/{RUNS[0]}", "#metric-table tbody tr"),
    (f"/compare?run={RUNS[0]}&run={RUNS[1]}", "html[data-ready=yes]"),
    ("/models", "table.list"),
    ("/datasets/cards/train/1", "#train"),
    ("/login", "h1"),
)
CHECK = """async () => {
  const {violations} = await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]});
  return violations.flatMap(({id, help, nodes}) => nodes.map(({target, html}) => `${id}: ${help}: ${target} ${html}`));
}"""


async def broken_rules(page: Page) -> list[Any]:
    assert AXE is not None
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[Any] = await page.evaluate(CHECK)
    return found


async def test_no_page_breaks_a_rule_by_day_or_by_night(tmp_path: Path, open_context: OpenContext) -> None:
    store = MemoryStore()
    write_report(tmp_path, summary(), findings(border_details()), draw=lambda _report, _folder: ())
    report = json.loads((tmp_path / "report.json").read_text())
    report["errors"]["worst"] = [{"image": "a.png", "error": 0.5, "text": "1 of 2 found", "picture": None}]
    file = border_model(tmp_path / "model.onnx", ((5, 6, 50, 7, 51, 70, 4, 69), (12, 14, 44, 15, 43, 60, 11, 61)))
    events = [event for run_id in RUNS for event in events_of(store, file, run_id=run_id, **ROW)]
    for seed, run_id in enumerate(RUNS):
        report["recipe"]["seed"] = seed
        store.put(f"s3://truscore/runs/{run_id}/report/report.json", json.dumps(report).encode())
    broken = {}
    async with (
        monitor_of([*events, event_sequences.ready(), event_sequences.rejected()]) as monitor,
        browser(tmp_path, store=store, monitor_address=monitor) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make()
        await one.upload(png(size=(200, 200)))
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.ADMIN))).pages[0]
        for address, there in PAGES:
            await page.goto(address)
            await page.wait_for_selector(there)
            if address.endswith("/annotate"):
                await page.wait_for_selector("#suggest:not([disabled])")
                await page.keyboard.press("g")
                await page.wait_for_selector("#proposals li")
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                if found := await broken_rules(page):
                    broken[f"{address} {scheme}"] = found
    assert broken == {}
