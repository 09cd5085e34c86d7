"""A finished run in a real browser: its report, from a mistake to the annotation, and two runs beside each other."""

from __future__ import annotations

import json
from pathlib import Path

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

RUNS = ("run-0000000000000000000a", "run-0000000000000000000b")
ROW = {"category": "border_detection", "option": "dual_class", "architecture": "yolo"}
# Whether a canvas has ink of the first colour that a series has.
INK = """canvas => {
  const ink = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  for (let i = 0; i < ink.length; i += 4) if (ink[i] < 90 && ink[i + 2] > 200 && ink[i + 3] > 200) return true;
  return false;
}"""


async def test_a_run_is_read_compared_and_followed_to_its_mistakes(tmp_path: Path, open_context: OpenContext) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)
    store = MemoryStore()
    write_report(tmp_path, summary(), findings(border_details()), draw=lambda _report, _folder: ())
    report = json.loads((tmp_path / "report.json").read_text())
    report["errors"]["worst"] = [
        {"image": "3.png", "error": 0.5, "text": "1 of 2 found", "picture": "validation-01.png"}
    ]
    file = border_model(tmp_path / "model.onnx", ((5, 6, 50, 7, 51, 70, 4, 69),))
    events = []
    for seed, run_id in enumerate(RUNS):
        report["recipe"]["seed"] = seed
        store.put(f"s3://truscore/runs/{run_id}/report/report.json", json.dumps(report).encode())
        store.put(f"s3://truscore/runs/{run_id}/report/validation-01.png", png())
        events += events_of(store, file, run_id=run_id, **ROW)
    async with (
        monitor_of([*events, event_sequences.ready()]) as monitor,
        browser(tmp_path, store=store, monitor_address=monitor) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make()
        await one.upload(png(), "3.png")
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.READER))).pages[0]
        await page.goto(f"/runs/{RUNS[0]}")
        await expect(page.locator("#metric-table tbody tr.purpose")).to_contain_text("edge error px2.52 to 3.1252.25")
        await expect(page.locator("#said li").first).to_have_text("edge_error_px is 2.5, not better than <b>trivial")
        assert await page.locator("#diagrams canvas").first.evaluate(INK)
        await expect(page.locator("#matrices th", has_text="<b>outer")).to_have_count(2)  # names are text
        await page.get_by_role("link", name="Annotate 3.png").click()
        await page.wait_for_selector("html[data-ready=yes]")
        (image,) = one.studio.drafts.images("cards")
        assert page.url.endswith(f"/datasets/cards/annotate/{image.image_id}")

        await page.goto("/runs")
        for run_id in RUNS:
            await page.get_by_label(f"Compare {run_id}").check()
        await page.get_by_role("button", name="Compare those").click()
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.locator("#runs tbody tr")).to_have_count(2)
        (differs,) = await page.locator("#parameters tbody tr").all()
        assert sorted(await differs.locator("td").all_inner_texts()) == ["0", "1", "seed"]
        assert await page.locator("#epochs").evaluate(INK)
        await page.goto(f"/compare?run={RUNS[0]}")
        await expect(page.locator("#trouble")).to_have_text("1 runs: accepted are 2 to 20")
