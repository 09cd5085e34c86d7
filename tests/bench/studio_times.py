"""How long who annotates or watches a run waits: for an image, the next one, an edit on the disk, an event drawn.

`python -m tests.bench.studio_times [--rounds 5] [--edits 60] [--events 30]` prints JSON, each figure in milliseconds
beside the limit of the issue: to open an image of 4,000 x 5,600 px with 500 polygons of 20,000 vertices from an empty
cache, until one can draw; to open the next one, which was fetched beforehand, from the key to the frame after it was
drawn; from an edit's request to the answer that it is on the disk; from an event at the monitor to the frame with its
curve, with 49 other WebSockets on the run, and to the last of these.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.access import anonymous
from truscore.telemetry import serve_grpc

from services.monitor.board import Board
from services.monitor.handlers.reads import Reads
from services.monitor.subscriptions import BoardChanges
from services.studio.http_server import serve_http
from tests.bench.studio_frames import fill, scan
from tests.browser.conftest import CHROMIUM, login_token
from tests.unit.monitor import event_sequences
from tests.unit.studio.studio_harness import Browser, browser

if TYPE_CHECKING:
    from playwright.async_api import Browser as Chromium
    from playwright.async_api import BrowserContext, Page

LIMIT_MS = {"open": 1500, "next": 100, "save_p95": 50, "event_to_curve_p95": 300}
WATCHERS = 50
BETWEEN_EVENTS_S = 0.5
NEXT = """async ({key, path}) => {
  const stage = document.getElementById("stage");
  const begun = performance.now();
  stage.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  while (!stage.getAttribute("aria-label").includes(path)) {
    if (performance.now() - begun > 60_000) throw new Error(`${path} was not opened`);
    await new Promise((go) => setTimeout(go));
  }
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""
# Of each request with an edit how long it took; the browser's own list of requests is full of tiles by then.
SAVES = """() => {
  window.saves = [];
  const before = window.fetch;
  window.fetch = async (...asked) => {
    const begun = performance.now();
    const answer = await before(...asked);
    if (asked[0].endsWith("/operations")) saves.push(performance.now() - begun);
    return answer;
  };
}"""
# When each step was seen, by the clock of this machine: on the page, and by the last of the other WebSockets.
SEEN = """() => {
  window.seen = {};
  new MutationObserver(() => {
    const step = /Step(\\d+)/.exec(document.getElementById("figures").textContent)?.[1];
    const drawn = () => { seen[step] ??= Date.now(); };
    if (step && !(step in seen)) requestAnimationFrame(() => requestAnimationFrame(drawn));
  }).observe(document.getElementById("figures"), {childList: true, subtree: true, characterData: true});
}"""
OTHERS = """async ({run, count}) => {
  window.last = {};
  const sockets = Array.from({length: count}, () => new WebSocket(`ws://${location.host}/api/live`));
  await Promise.all(sockets.map((socket) => new Promise((open, refused) => {
    socket.addEventListener("error", refused);
    socket.addEventListener("open", () => socket.send(JSON.stringify({watch: [run]})));
    socket.addEventListener("message", ({data}) => {
      const {step} = JSON.parse(data).run;
      last[step] = {at: Date.now(), sockets: (last[step]?.sockets ?? 0) + 1};
      open();
    });
  })));
}"""


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


async def logged_in(chromium: Chromium, port: int, one: Browser) -> BrowserContext:
    context = await chromium.new_context(base_url=f"http://127.0.0.1:{port}", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(120_000)
    page = await context.new_page()
    await page.goto(f"/login#{login_token(one)}")
    await page.wait_for_url("**/")
    return context


async def opened_ms(chromium: Chromium, port: int, one: Browser, image_id: int) -> float:
    """From an empty cache, until one can draw."""
    context = await logged_in(chromium, port, one)
    begun = time.perf_counter()
    await context.pages[0].goto(f"/datasets/cards/annotate/{image_id}", wait_until="commit")
    await context.pages[0].wait_for_selector("html[data-ready=yes]")
    took_ms = 1000 * (time.perf_counter() - begun)
    await context.close()
    return took_ms


async def until(page: Page, holds: str) -> None:
    """Playwright's own wait evaluates text in the page, which the policy of content forbids."""
    async with asyncio.timeout(60):
        while not await page.evaluate(holds):  # noqa: ASYNC110  the page has no event of ours
            await asyncio.sleep(0.01)


async def next_ms(page: Page, rounds: int) -> list[float]:
    """From image to image and back: each was fetched while one looked at the other."""
    found = []
    for turn in range(2 * rounds):
        await page.wait_for_load_state("networkidle")
        key, path = ("PageDown", "then.jpg") if turn % 2 == 0 else ("PageUp", "scan.jpg")
        found.append(await page.evaluate(NEXT, {"key": key, "path": path}))
    return found


async def saves_ms(page: Page, edits: int) -> list[float]:
    await page.evaluate(SAVES)
    await page.keyboard.press("n")
    for edit in range(edits):
        await page.keyboard.press("ArrowRight" if edit % 2 else "ArrowLeft")
        await until(page, f"() => saves.length > {edit}")
    found: list[float] = await page.evaluate("saves")
    return found


class LiveMonitor:
    """A monitor of this process, at which events arrive when they are said."""

    def __init__(self) -> None:
        self.board: Board = event_sequences.board_after([event_sequences.started()])
        self.changes = BoardChanges(8)

    def step(self, number: int) -> float:
        """Publishes a step; returns when, in milliseconds."""
        event = event_sequences.progressed(number, loss=1.0 / number, epoch=1)
        event_sequences.board_after([event], self.board)
        at_ms = 1000 * time.time()
        self.changes.changed()
        return at_ms


@asynccontextmanager
async def live_monitor() -> AsyncIterator[tuple[LiveMonitor, str]]:
    caught_up = asyncio.Event()
    caught_up.set()
    monitor = LiveMonitor()
    reads = Reads(monitor.board, monitor.changes, caught_up)
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[reads.add_to]) as port:
        yield monitor, f"127.0.0.1:{port}"


async def curves_ms(context: BrowserContext, monitor: LiveMonitor, events: int) -> dict[str, list[float]]:
    page, other = await context.new_page(), await context.new_page()
    await page.goto(f"/runs/{event_sequences.RUN}")
    await page.wait_for_selector("#figures div")
    await page.evaluate(SEEN)
    await other.goto("/runs")
    await other.evaluate(OTHERS, {"run": event_sequences.RUN, "count": WATCHERS - 1})
    await page.bring_to_front()
    said = {}
    for number in range(1, events + 1):
        said[number] = monitor.step(number)
        await asyncio.sleep(BETWEEN_EVENTS_S)
    await until(page, f"() => {events} in seen")
    await until(other, f"() => last[{events}]?.sockets === {WATCHERS - 1}")
    seen, last = await page.evaluate("seen"), await other.evaluate("last")
    return {
        "page": [seen[str(number)] - at for number, at in said.items() if str(number) in seen],
        "last_of_50": [
            last[str(number)]["at"] - at
            for number, at in said.items()
            if last.get(str(number), {}).get("sockets") == WATCHERS - 1
        ],
    }


async def figures(folder: Path, *, rounds: int, edits: int, events: int) -> dict[str, Any]:
    from playwright.async_api import async_playwright

    async with (
        live_monitor() as (monitor, address),
        browser(folder, monitor_address=address) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
        async_playwright() as playwright,
    ):
        await fill(one)
        await one.upload(scan(seed=4), "then.jpg")
        first, _ = one.studio.drafts.images("cards")
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        opens = [await opened_ms(chromium, port, one, first.image_id) for _ in range(rounds)]
        context = await logged_in(chromium, port, one)
        page = context.pages[0]
        await page.goto(f"/datasets/cards/annotate/{first.image_id}")
        await page.wait_for_selector("html[data-ready=yes]")
        nexts = await next_ms(page, rounds)
        saves = await saves_ms(page, edits)
        curves = await curves_ms(context, monitor, events)
        await chromium.close()
    return {
        "open_ms": told(opens, LIMIT_MS["open"], statistics.median(opens)),
        "next_ms": told(nexts, LIMIT_MS["next"], statistics.median(nexts)),
        "save_ms_p95": told(saves, LIMIT_MS["save_p95"], p95(saves)),
        "event_to_curve_ms_p95": told(curves["page"], LIMIT_MS["event_to_curve_p95"], p95(curves["page"])),
        "event_to_last_of_50_ms_p95": told(
            curves["last_of_50"], LIMIT_MS["event_to_curve_p95"], p95(curves["last_of_50"])
        ),
    }


def told(values: list[float], limit: float, figure: float) -> dict[str, Any]:
    span = [round(min(values), 1), round(max(values), 1)]
    return {"figure": round(figure, 1), "range": span, "count": len(values), "limit": limit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--edits", type=int, default=60)
    parser.add_argument("--events", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(figures(Path(folder), rounds=given.rounds, edits=given.edits, events=given.events))
    sys.stdout.write(json.dumps({"load": os.getloadavg()[0], "figures": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
