"""Before a page's module has run nothing on it can be pressed, ticked or typed into that would be lost."""

from __future__ import annotations

from pathlib import Path

from services.studio.http_server import serve_http
from tests.browser.conftest import OpenContext, login_token
from tests.unit.monitor import event_sequences
from tests.unit.studio.finished_runs import monitor_of
from tests.unit.studio.studio_harness import browser, png

PAGES = (
    "/datasets/new",
    "/datasets/cards",
    "/datasets/cards/data",
    "/datasets/cards/annotate",
    "/datasets/cards/train/1",
    f"/runs/{event_sequences.RUN}",
)
# What can be seen and used, and that no plain form would send; some controls are read later, as they stand then.
USABLE = """() => [...document.querySelectorAll("button, input, select, textarea")]
  .filter((each) => each.checkVisibility() && each.options?.length !== 0)
  .filter((each) => !each.matches(":disabled, form[action] *, .looks *, #images, #variants"))
  .map((each) => each.outerHTML)"""


async def test_no_control_is_usable_before_the_module_that_listens_to_it(
    tmp_path: Path, open_context: OpenContext
) -> None:
    usable = {}
    async with (
        monitor_of(event_sequences.whole_run()) as monitor,
        browser(tmp_path, monitor_address=monitor) as one,
        serve_http(one.application, "127.0.0.1", 0) as port,
    ):
        await one.make()
        await one.upload(png(size=(200, 200)))
        page = (await open_context(f"http://127.0.0.1:{port}", login_token(one))).pages[0]
        await page.route("**/*.js", lambda route: route.abort())
        for address in PAGES:
            await page.goto(address)
            if found := await page.evaluate(USABLE):
                usable[address] = found
    assert usable == {}
