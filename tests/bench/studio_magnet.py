"""How near the studio's magnet puts borders, in Chromium, beside what was drawn and what `truscore.border_lines` finds.

`python -m tests.bench.studio_magnet [--cards 20]` prints JSON: of each, the distance of sides from the true ones at
their middles, in pixels, and the milliseconds that a quadrilateral takes. Drawn corners are off by a normal deviation
of 3 px in x and y.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from truscore.border_lines.refine import refine_border
from truscore.datasets import load_image, read_dataset
from truscore.datasets.shapes.quadrilateral import corners_of
from truscore.synthesis import render_dataset

from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.browser.conftest import CHROMIUM
from tests.unit.studio.studio_harness import browser

Corners = NDArray[np.float64]
OFF_PX = 3.0
SNAP = """async ({url, size, quads}) => {
  const {snapped} = await import("/web/model/magnet.js");
  const {stripCutter} = await import("/web/canvas/strips.js");
  const image = new Image();
  image.src = url;
  await image.decode();
  const cut = stripCutter(image, size);
  const begun = performance.now();
  const points = quads.map((points) => snapped({kind: "quad", points}, cut).points);
  return {points, ms: (performance.now() - begun) / quads.length};
}"""


def off_px(corners_42: Corners, true_42: Corners) -> list[float]:
    """Of each side, how far its middle lies from the true side's line."""
    found = []
    for n in range(4):
        side_2 = true_42[(n + 1) % 4] - true_42[n]
        normal_2 = np.array([side_2[1], -side_2[0]]) / np.hypot(*side_2)
        middle_2 = (corners_42[n] + corners_42[(n + 1) % 4]) / 2
        found.append(float(abs((middle_2 - true_42[n]) @ normal_2)))
    return found


async def measure(folder: Path, cards: int) -> dict[str, Any]:
    from playwright.async_api import async_playwright

    rendered = render_dataset(folder / "cards", count=cards, seed=77, image_size=(960, 1200))
    index = read_dataset(rendered).index
    assert index is not None
    random, found, took = np.random.default_rng(1), defaultdict[str, list[float]](list), []
    async with browser(folder / "studio") as one, serve_http(one.application, "127.0.0.1", 0) as port:
        await one.make()
        token = one.studio.sessions.make_login_token(name="bench", role=Role.ADMIN)
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = await chromium.new_page(base_url=f"http://127.0.0.1:{port}")
            await page.goto(f"/login#{token}")
            await page.wait_for_url("**/")
            for record in index.images:
                file = rendered / record.path
                taken = (await one.upload(file.read_bytes(), record.path)).json()
                outlines = [corners_of(mark.polygons[0]) for mark in record.annotations]
                truths = [np.asarray(outline) for outline in outlines if outline is not None]
                drawn = [true_42 + random.normal(0, OFF_PX, (4, 2)) for true_42 in truths]
                said = await page.evaluate(
                    SNAP,
                    {
                        "url": f"/api/datasets/cards/images/{taken['image_id']}/preview.jpg",
                        "size": {"width": record.width, "height": record.height},
                        "quads": [corners_42.ravel().tolist() for corners_42 in drawn],
                    },
                )
                took.append(said["ms"])
                image_HWC = load_image(file)
                for true_42, drawn_42, points in zip(truths, drawn, said["points"], strict=True):
                    found["drawn"] += off_px(drawn_42, true_42)
                    found["magnet"] += off_px(np.array(points).reshape(4, 2), true_42)
                    found["border_lines"] += off_px(refine_border(image_HWC, drawn_42).corners_42, true_42)
            await chromium.close()
    sums = {"mean": np.mean, "median": np.median, "p95": lambda values: np.quantile(values, 0.95)}
    table = {name: {key: round(float(of(px)), 3) for key, of in sums.items()} for name, px in found.items()}
    return {"cards": cards, "off_px": table, "ms_per_quadrilateral": round(float(np.mean(took)), 1)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cards", type=int, default=20)
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), parser.parse_args().cards))
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
