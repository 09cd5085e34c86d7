"""No page breaks a rule of WCAG 2.2 A or AA that axe-core can check, by day or by night.

axe-core (MPL-2.0) comes with axe-playwright-python, a dependency of tests alone: nothing of it is shipped.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.storage import MemoryStore

from services.studio.access import Role
from services.studio.http_server import serve_http
from services.trainer.worker.report.writer import write_report
from tests.browser.conftest import OpenContext, login_token
from tests.browser.test_operations import alert
from tests.browser.test_searches import search_of_two_objectives
from tests.unit.monitor import event_sequences
from tests.unit.studio.constant_model import border_model
from tests.unit.studio.finished_runs import events_of, monitor_of
from tests.unit.studio.studio_harness import browser, png
from tests.unit.trainer.worker.test_training_report import border_details, findings, summary

if TYPE_CHECKING:
    from playwright.async_api import Page

AXE = resources.files("axe_playwright_python") / "axe.min.js"
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
    (f"/runs/{event_sequences.RUN}", "#batch section"),
    (f"/compare?run={RUNS[0]}&run={RUNS[1]}", "html[data-ready=yes]"),
    ("/models", "table.list"),
    ("/searches", "table.list"),
    ("/searches/%3Cb%3Epareto", "html[data-ready=yes]"),
    ("/alerts", "table.list"),
    ("/dead-letters", ".error"),
    ("/datasets/cards/train/1", "#train"),
    ("/account", "#tokens"),
    ("/accounts", "#accounts"),
    ("/login", "#by-password"),
)
# Rules that are run; colours are looked at again by night, which changes nothing else.
BY_DAY, BY_NIGHT = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], ["color-contrast"]
CHECK = """async (rules) => {
  const {violations} = await axe.run(document, {runOnly: rules, resultTypes: ["violations"]});
  return violations.flatMap(({id, help, nodes}) => nodes.map(({target, html}) => `${id}: ${help}: ${target} ${html}`));
}"""


async def broken_rules(page: Page, rules: list[str]) -> list[Any]:
    found: list[Any] = await page.evaluate(CHECK, rules)
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
    events += [alert("run.stalled", "critical", "no step for 16 min"), event_sequences.started()]
    events += [event_sequences.progressed(step, loss=1 / step) for step in (1, 2, 3)]
    async with (
        monitor_of([*events, event_sequences.ready(), event_sequences.rejected()]) as monitor,
        search_of_two_objectives(tmp_path) as searches,
        browser(tmp_path, store=store, monitor_address=monitor, search_address=searches) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make()
        await one.upload(png(size=(200, 200)))
        await one.http.post("/api/accounts", json={"name": "grace", "role": "reader"})
        one.studio.tokens.make(owner="admin", role=Role.READER, label="nightly", days=9, owner_role=Role.ADMIN)
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.ADMIN))).pages[0]
        for address, there in PAGES:
            await page.goto(address)
            await page.wait_for_selector(there)
            if address.endswith("/annotate"):
                await page.wait_for_selector("#suggest:not([disabled])")
                await page.keyboard.press("g")
                await page.wait_for_selector("#proposals li")
            await page.evaluate(AXE.read_text(encoding="utf-8"))
            for scheme, rules in (("light", BY_DAY), ("dark", BY_NIGHT)):
                await page.emulate_media(color_scheme=scheme)
                if found := await broken_rules(page, rules):
                    broken[f"{address} {scheme}"] = found
    assert broken == {}
