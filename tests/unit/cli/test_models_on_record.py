"""Which model a run made, as the experiment tracker has it on record."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from truscore.access import anonymous
from truscore.releases import Place
from truscore.telemetry import serve_grpc

from services.cli.context import CliError, Code, Endpoint
from services.cli.handlers.models import newest_of_tracker, of_tracker
from services.experiment_tracker.handlers import Reads
from services.experiment_tracker.ledger import MemoryLedger
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import BEGIN_S, RUN, PublishedEvent, record_all

OLDER = "run-older"


def exported(run_id: str, at: float) -> PublishedEvent:
    """As the exporter names places: models/<model>/<version>/."""
    message = run_events.exported(at, run_id=run_id).message
    message.package_uri = f"s3://truscore/models/{run_events.MODEL}/{run_id}/package.tar"
    return PublishedEvent(message, BEGIN_S + at)


@asynccontextmanager
async def tracker() -> AsyncIterator[Endpoint]:
    """Where it is, with two runs of one model on record and one that has none yet."""
    ledger = MemoryLedger()
    events = [run_events.started(1, run_id=OLDER), exported(OLDER, 10), run_events.started(20), exported(RUN, 30)]
    record_all(ledger, [*events, run_events.started(40, run_id="run-unfinished")])
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[Reads(ledger).add_to]) as port:
        yield Endpoint(who="the experiment tracker", address=f"127.0.0.1:{port}")


def place(version: str) -> Place:
    uri = f"s3://truscore/models/{run_events.MODEL}/{version}"
    return Place(uri=uri, model_id=run_events.MODEL, version=version, announced={})


async def test_a_release_lies_where_its_package_is_on_record() -> None:
    async with tracker() as endpoint:
        assert await asyncio.to_thread(of_tracker, endpoint, OLDER) == place(OLDER)
        assert await asyncio.to_thread(of_tracker, endpoint, "run-unfinished") is None
        assert await asyncio.to_thread(of_tracker, endpoint, "run-unheard") is None
        assert await asyncio.to_thread(of_tracker, endpoint, "cards/1") is None


async def test_a_models_newest_version_is_that_of_its_newest_run() -> None:
    async with tracker() as endpoint:
        assert await asyncio.to_thread(newest_of_tracker, endpoint, run_events.MODEL) == place(RUN)
        assert await asyncio.to_thread(newest_of_tracker, endpoint, "a.b.c") is None


def test_a_tracker_that_is_away_is_named() -> None:
    with pytest.raises(CliError, match=r"the experiment tracker at 127\.0\.0\.1:1 does not answer") as refused:
        of_tracker(Endpoint(who="the experiment tracker", address="127.0.0.1:1"), RUN)
    assert refused.value.code is Code.UNREACHABLE
