"""Before a version is published, a real browser shows what changed since the last and how a run would divide it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.unit.studio.studio_harness import Browser, browser, png

WIDTH = 200


def put(identity: str, label: int, x: int) -> dict[str, object]:
    points = [x, 10, x + 100, 12, x + 98, 150, x + 2, 148]
    return {"op": "put", "shape": {"id": identity, "kind": "quad", "label": label, "points": points}}


async def edit(one: Browser, image: int, base: int, *operations: dict[str, object]) -> None:
    answer = await one.http.post(
        f"/api/datasets/cards/images/{image}/operations",
        json={"base": base, "batch_id": f"batch-{image}-{base}", "ops": list(operations)},
    )
    assert answer.status_code == 200, answer.text


async def test_what_changed_since_the_last_version_is_shown_before_the_next(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)
    async with browser(tmp_path) as one, serve_http(one.application, "127.0.0.1", 0) as port:
        await one.make()
        for number in range(4):
            await one.upload(png((40 * number, 90, 200 - 30 * number), (WIDTH, WIDTH + 10 * number)), f"{number}.png")
        first, second, third, _fourth = (row.image_id for row in one.studio.drafts.images("cards"))
        for image in (first, second, third):
            await edit(one, image, 0, put("outer", 1, 20), put("inner", 2, 40))
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one))).pages[0]
        await page.goto("/datasets/cards")
        await expect(page.locator("#changes-shown")).to_contain_text("all 4 images and 6 marks are new")
        answer = await one.http.post("/api/datasets/cards/versions", json={"format": "truscore"})
        assert answer.status_code == 202, answer.text
        await one.studio.publishing.settled()

        await edit(one, first, 1, put("outer", 1, 25), {"op": "delete", "id": "inner"})
        await edit(one, second, 1, put("inner", 1, 40), put("more", 2, 60))
        await one.http.delete(f"/api/datasets/cards/images/{third}")
        await one.upload(png((5, 5, 5), (WIDTH, 300)), "<b>new.png")
        await page.reload()
        (version,) = one.studio.drafts.versions("cards")
        shown = page.locator("#changes-shown")
        await expect(shown).to_contain_text(f"Since {version.version}; as they were: 1 images")
        await expect(shown.locator("li.added")).to_have_text("1 image added: <b>new.png")
        await expect(shown.locator("li.removed")).to_have_text("1 image removed: 2.png")
        await expect(shown.locator("li.annotated")).to_have_text("2 images annotated otherwise: 0.png, 1.png")
        rows = await shown.locator("tbody tr").all_inner_texts()
        assert [row.split() for row in rows] == [["outer_border", "−1", "1", "1"], ["graphical_border", "+1", "−2"]]
        await page.get_by_text("How a run would divide it").click()
        await expect(page.locator("#division-shown")).to_contain_text("training")
        await keep_picture(page, "publish-preview", request)
