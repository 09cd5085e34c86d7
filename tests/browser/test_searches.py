"""Searches in a real browser: what was tried, the best, and the Pareto front of two objectives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from truscore.access import anonymous
from truscore.telemetry import serve_grpc

from services.hyperparameter_search.handlers import order_of_wire
from services.hyperparameter_search.handlers.reads import Reads
from services.hyperparameter_search.search_store import SearchStore
from services.hyperparameter_search.trial import COMPLETED, FAILED, Outcome
from services.studio.access import Role
from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, keep_picture, login_token
from tests.browser.test_reports import INK
from tests.unit.hyperparameter_search.search_orders import METRIC, batch, rate, search_order
from tests.unit.studio.studio_harness import browser

# Quality and latency of each trial; the first, the third and the fourth are the front.
TRIALS = ((0.71, 8.0), (0.70, 21.0), (0.83, 14.0), (0.91, 33.0), (0.80, 30.0), (0.62, 12.0), (0.88, 34.0))
FRONT = [0, 2, 3]


@asynccontextmanager
async def search_of_two_objectives(folder: Path) -> AsyncIterator[str]:
    """The address of a search service that has had these trials, and one that failed."""
    store = SearchStore(f"sqlite:///{folder / 'searches.sqlite3'}", decode=order_of_wire)
    order = search_order(
        "<b>pareto", parameters=[rate(), batch()], objectives=[{"metric": METRIC}, {"metric": "latency_ms"}]
    )
    store.create(order, begun_at=1_800_000_000)
    for number, values in enumerate((*TRIALS, None)):
        store.sample(order)
        outcome = Outcome(state=FAILED, message="out of memory")
        if values is not None:
            outcome = Outcome(state=COMPLETED, values=dict(zip((METRIC, "latency_ms"), values, strict=True)))
        store.note_trial(order.search_id, number, outcome=outcome)
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[Reads(store).add_to]) as port:
        yield f"127.0.0.1:{port}"


async def test_a_search_shows_its_trials_the_best_and_the_pareto_front(
    tmp_path: Path, open_context: OpenContext, request: pytest.FixtureRequest
) -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=45_000)
    async with (
        search_of_two_objectives(tmp_path) as address,
        browser(tmp_path, search_address=address) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one, Role.READER))).pages[0]
        await page.get_by_role("link", name="Searches").click()
        await expect(page.get_by_role("link", name="<b>pareto")).to_be_visible()
        await keep_picture(page, "searches", request)
        await page.get_by_role("link", name="<b>pareto").click()
        await page.wait_for_selector("html[data-ready=yes]")
        rows = page.locator("tbody tr")
        await expect(rows).to_have_count(len(TRIALS) + 1)
        best = await page.locator("tbody tr.purpose td:first-child").all_inner_texts()
        assert best == [f"{number} · best" for number in FRONT]
        await expect(rows.last).to_contain_text("out of memory")
        assert await page.locator("#front").evaluate(INK)
        points = await page.evaluate(
            """async () => {
              const {frontOf, bestSoFar} = await import("/web/model/trials.js");
              const {search} = JSON.parse(document.getElementById("about").textContent);
              const {front} = frontOf(search.trials, search.best.map((each) => each.number), search.objectives);
              return [front, bestSoFar([[0, 3], [1, 4], [2, 1]], "minimize")];
            }"""
        )
        assert points == [[list(TRIALS[number]) for number in FRONT], [[0, 3], [1, 3], [2, 1]]]
        await page.get_by_label("Parameter", exact=True).select_option(label="learning rate")
        await page.get_by_label("logarithm").check()
        assert await page.locator("#trials").evaluate(INK)
        await keep_picture(page, "search", request)
        assert (await one.http.get("/searches/unknown")).status_code == 404


async def test_without_its_address_the_page_of_searches_says_which_setting_is_missing(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        assert "TRUSCORE_SEARCH_ADDRESS" in (await one.http.get("/searches")).text
