"""What a frame of annotating costs: CPU of all threads of Chromium, beside frames in which nothing happens.

`python -m tests.bench.studio_frames [--frames 120] [--rounds 3]` prints JSON for 1280 x 800 and 1920 x 1080:
milliseconds of CPU per frame for pan, drag, flick of lights, brush and zoom on an image of 4,000 x 5,600 px with 500
polygons of 40 vertices each (20,000), median, least and largest of the rounds, beside the limits of the issue.
Rasterising is deferred, so that the time of the draw calls says little: the time of every thread of every process of
the browser is read from /proc. Where other work keeps the cores busy, the wall-clock time says more about that.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from PIL import Image
from truscore.datasets.index.records import Light

from services.studio.drafts.marks import record_to_json
from services.studio.http_server import serve_http
from tests.browser.conftest import CHROMIUM, login_token
from tests.unit.studio.studio_harness import Browser, browser

if TYPE_CHECKING:
    from playwright.async_api import Page

WIDTH, HEIGHT = 4000, 5600
POLYGONS, VERTICES = 500, 40
BATCH = 50
LIMIT_MS = {"pan": 12, "drag": 12, "flick": 12, "brush": 12, "zoom": 33}
WALL_LIMIT_MS = {(1280, 800): 16.7, (1920, 1080): 33.0}
CPU_LIMITED = (1280, 800)
LIGHTS = ("left", "right")
CHANGING = ("drag", "brush")
# One act for each frame: pointer events as a pointer makes them, then the next frame. Positions come from a spiral.
ACT = """async ({act, frames, at}) => {
  const stage = document.getElementById("stage");
  const box = stage.getBoundingClientRect();
  const [x0, y0] = at ?? [box.width / 2, box.height / 2];
  const send = (type, x, y, more = {}) => stage.dispatchEvent(new PointerEvent(type, {
    clientX: box.left + x, clientY: box.top + y, pointerId: 1, bubbles: true, cancelable: true, ...more}));
  stage.setPointerCapture = () => {};
  const button = act === "pan" ? 1 : 0;
  const walls = [];
  if (["pan", "drag", "brush"].includes(act)) send("pointerdown", x0, y0, {button});
  for (let n = 0; n < frames; n++) {
    const x = x0 + (40 + n) * Math.cos(n / 9), y = y0 + (40 + n) * Math.sin(n / 9);
    if (act === "zoom") stage.dispatchEvent(new WheelEvent("wheel", {
      clientX: box.left + x0, clientY: box.top + y0, deltaY: n % 40 < 20 ? -60 : 60, bubbles: true, cancelable: true}));
    else if (act === "flick") stage.dispatchEvent(new KeyboardEvent("keydown", {key: "l", bubbles: true}));
    else if (act !== "nothing") send("pointermove", x, y, {button});
    const begun = performance.now();
    await new Promise(requestAnimationFrame);
    walls.push(performance.now() - begun);
  }
  if (["pan", "drag", "brush"].includes(act)) send("pointerup", x0, y0, {button});
  return walls.sort((a, b) => a - b)[Math.floor(0.95 * walls.length)];
}"""


def scan(seed: int = 3) -> bytes:
    """A picture with as much detail as a scan: smooth colours with noise upon them."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    plane = 120 + 60 * np.sin(rows / 900) + 40 * np.cos(columns / 700)
    noisy = plane[..., None] + random.normal(0, 12, (HEIGHT, WIDTH, 3))
    out = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=92)
    return out.getvalue()


def polygons() -> Iterator[dict[str, Any]]:
    """In a grid of 20 by 25, each a wavy ring."""
    for number in range(POLYGONS):
        x, y = 100 + 200 * (number % 20), 112 + 224 * (number // 20)
        points: list[float] = []
        for vertex in range(VERTICES):
            angle = 2 * math.pi * vertex / VERTICES
            radius = 70 + 14 * math.sin(5 * angle + number)
            points += [x + radius * math.cos(angle), y + radius * math.sin(angle)]
        label = 1 + number % 2
        yield {"op": "put", "shape": {"id": f"p{number}", "kind": "polygon", "label": label, "points": points}}


async def fill(one: Browser) -> None:
    await one.make(category="surface_analysis", option="defect_detection", class_names=["scratch", "dent"])
    answer = await one.upload(scan(), "scan.jpg")
    assert answer.status_code == 201, answer.text
    (image,) = one.studio.drafts.images("cards")
    operations = list(polygons())
    for base, begin in enumerate(range(0, POLYGONS, BATCH)):
        body = {"base": base, "batch_id": f"batch-{base:04}", "ops": operations[begin : begin + BATCH]}
        saved = await one.http.post(f"/api/datasets/cards/images/{image.image_id}/operations", json=body)
        assert saved.status_code == 200, saved.text


async def light(one: Browser) -> None:
    """A second picture beside the first, and both as views of one object under a light of its own."""
    answer = await one.upload(scan(seed=5), "scan-right.jpg")
    assert answer.status_code == 201, answer.text
    for row, name in zip(one.studio.drafts.images("cards"), LIGHTS, strict=True):
        record = one.studio.drafts.image("cards", row.image_id)
        lit = replace(record, light=Light(object="card", name=name))
        with one.studio.drafts._database.transaction() as rows:
            rows.execute("UPDATE images SET record = ? WHERE image_id = ?", (record_to_json(lit), row.image_id))


def cpu_s(root: psutil.Process) -> float:
    """CPU of every process of the browser, all of their threads together, in seconds."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


async def measure(page: Page, chromium: psutil.Process, act: str, frames: int) -> dict[str, float]:
    """CPU milliseconds a frame, and the wall-clock time that 95 frames in 100 stay below."""
    await page.keyboard.press("f")
    await page.keyboard.press("r" if act == "brush" else "v")
    asked = {"act": act, "frames": frames, "at": await centre_of_a_polygon(page) if act == "drag" else None}
    before = cpu_s(chromium)
    wall_ms = await page.evaluate(ACT, asked)
    used_s = cpu_s(chromium) - before
    if act in CHANGING:  # else the next round drags what this one has painted: an outline of thousands of corners
        await page.keyboard.press("Control+z")
        await page.wait_for_selector("#saved:not(.waiting)")
    return {"cpu_ms": 1000 * used_s / frames, "wall_p95_ms": wall_ms}


async def centre_of_a_polygon(page: Page) -> list[float]:
    """On the stage, of the polygon nearest the middle, as the fitted image lies on it."""
    box = await page.locator("#stage").bounding_box()
    assert box is not None
    scale = min((box["width"] - 48) / WIDTH, (box["height"] - 48) / HEIGHT)
    x, y = 100 + 200 * 10, 112 + 224 * 12
    return [box["width"] / 2 + (x - WIDTH / 2) * scale, box["height"] / 2 + (y - HEIGHT / 2) * scale]


async def figures(folder: Path, frames: int, rounds: int) -> dict[str, Any]:
    from playwright.async_api import async_playwright

    async with browser(folder) as one, serve_http(one.application, "127.0.0.1", 0) as port:
        await fill(one)
        await light(one)
        first = one.studio.drafts.images("cards")[0].image_id
        async with async_playwright() as playwright:
            before = {each.pid for each in psutil.Process().children(recursive=True)}
            running = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            )
            started = [each for each in psutil.Process().children(recursive=True) if each.pid not in before]
            (root,) = [each for each in started if each.ppid() not in {other.pid for other in started}]
            page = await running.new_page(base_url=f"http://127.0.0.1:{port}")
            await page.goto(f"/login#{login_token(one)}")
            await page.wait_for_url("**/")
            found = {}
            for width, height in WALL_LIMIT_MS:
                await page.set_viewport_size({"width": width, "height": height})
                await page.goto(f"/datasets/cards/annotate/{first}")
                await page.wait_for_selector("html[data-ready=yes]", timeout=120_000)
                await page.wait_for_load_state("networkidle")
                assert "of 2" in await page.locator("#light").inner_text(), "there is another light to flick to"
                found[width, height] = await acts(page, root, frames, rounds)
            await running.close()
    return {
        f"{width}x{height}": {act: summary(each, act, (width, height)) for act, each in measured.items()}
        for (width, height), measured in found.items()
    }


async def acts(page: Page, root: psutil.Process, frames: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Each act in each round."""
    found: dict[str, list[dict[str, float]]] = {act: [] for act in ("nothing", *LIMIT_MS)}
    for _ in range(rounds):
        for act, measured in found.items():
            measured.append(await measure(page, root, act, frames))
    return found


def summary(measured: list[dict[str, float]], act: str, size: tuple[int, int]) -> dict[str, Any]:
    cpu = sorted(each["cpu_ms"] for each in measured)
    return {
        "cpu_ms": round(statistics.median(cpu), 1),
        "cpu_ms_range": [round(cpu[0], 1), round(cpu[-1], 1)],
        "wall_p95_ms": round(statistics.median(each["wall_p95_ms"] for each in measured), 1),
        "limit_cpu_ms": LIMIT_MS.get(act) if size == CPU_LIMITED else None,
        "limit_wall_p95_ms": WALL_LIMIT_MS[size] if act in LIMIT_MS and act != "zoom" else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(figures(Path(folder), given.frames, given.rounds))
    sys.stdout.write(json.dumps({"load": os.getloadavg()[0], "figures": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
