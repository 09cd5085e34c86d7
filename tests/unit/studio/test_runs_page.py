"""The page of runs: what its address asks for, over all runs that the monitor knows."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.unit.monitor.event_sequences import PublishedEvent, failed, started
from tests.unit.studio.finished_runs import monitor_of
from tests.unit.studio.studio_harness import browser

RUNS = 105
OTHER = "run-" + "f" * 20


def run_ids(page: str) -> list[str]:
    return re.findall(r'name="run" value="([^"]+)"', page)


def recorded() -> list[PublishedEvent]:
    """A failed run of a dataset of its own is the oldest of all."""
    other = started(run_id=OTHER)
    other.message.dataset_id = "slabs"  # type: ignore[attr-defined]
    wrong = failed(run_id=OTHER)
    events = [other, wrong]
    for number in range(RUNS):
        event = started(run_id=f"run-{number:020d}")
        events.append(PublishedEvent(event.message, event.at + 10 + number))
    return events


async def test_runs_are_paged_and_filtered_by_what_the_address_says(tmp_path: Path) -> None:
    async with (
        monitor_of(recorded()) as monitor,
        browser(tmp_path, monitor_address=monitor) as one,
    ):
        first = (await one.http.get("/runs")).text
        assert run_ids(first) == [f"run-{number:020d}" for number in reversed(range(5, RUNS))]
        (older,) = re.findall(r'href="(/runs\?[^"]+)">Older runs', first)
        assert parse_qs(urlsplit(older).query).keys() == {"after"}
        second = (await one.http.get(older)).text
        assert run_ids(second) == [f"run-{number:020d}" for number in reversed(range(5))] + [OTHER]
        assert "Older runs" not in second
        for query in ("dataset=slabs", "state=failed", f"q={OTHER[:12]}", "dataset=slabs&state=failed&q=mask"):
            assert run_ids((await one.http.get(f"/runs?{query}")).text) == [OTHER], query
        nothing = (await one.http.get("/runs?dataset=slabs&state=training")).text
        assert "No run here is like that" in nothing
        assert "<option selected>training</option>" in nothing
        assert run_ids((await one.http.get("/runs?state=<script>")).text) == run_ids(first)
        assert "was not handed out here" in (await one.http.get("/runs?after=made-up")).text
