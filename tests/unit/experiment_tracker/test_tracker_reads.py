"""The tracker's gRPC service over a ledger in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from truscore.access import anonymous
from truscore.api.v1 import experiments_pb2 as api
from truscore.api.v1.experiments_pb2_grpc import ExperimentsServiceStub
from truscore.telemetry import serve_grpc

from services.experiment_tracker.handlers import Reads
from services.experiment_tracker.ledger import Ledger, LedgerUnavailable, MemoryLedger
from services.experiment_tracker.record import Recorded
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import RUN, record_all

WAIT_S = 30


@asynccontextmanager
async def client(ledger: Ledger) -> AsyncIterator[Any]:
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[Reads(ledger).add_to]) as port:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield ExperimentsServiceStub(channel)


@pytest.mark.parametrize(
    ("method", "request_", "code", "named"),
    [
        ("GetExperiment", api.GetExperimentRequest(run_id="run-x"), grpc.StatusCode.NOT_FOUND, "'run-x'"),
        ("GetExperiment", api.GetExperimentRequest(run_id="a' or"), grpc.StatusCode.INVALID_ARGUMENT, "a' or"),
        ("GetExperiment", api.GetExperimentRequest(), grpc.StatusCode.INVALID_ARGUMENT, "1 to 128"),
        ("CompareExperiments", api.CompareExperimentsRequest(), grpc.StatusCode.INVALID_ARGUMENT, "2 to 20"),
        ("CompareExperiments", api.CompareExperimentsRequest(run_ids=["a", "b"]), grpc.StatusCode.NOT_FOUND, "'a'"),
        ("ListExperiments", api.ListExperimentsRequest(page_token="x"), grpc.StatusCode.INVALID_ARGUMENT, "'x'"),
    ],
)
async def test_what_cannot_be_requested_is_refused_by_name(
    method: str, request_: Any, code: grpc.StatusCode, named: str
) -> None:
    async with client(MemoryLedger()) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await getattr(stub, method)(request_, timeout=WAIT_S)
    assert refused.value.code() is code
    assert named in (refused.value.details() or "")


async def test_a_ledger_that_is_away_is_reported_to_be_unavailable() -> None:
    class Away(MemoryLedger):
        def get(self, run_id: str) -> Recorded | None:
            raise LedgerUnavailable("MLflow: away")

    async with client(Away()) as stub:
        with pytest.raises(grpc.aio.AioRpcError, match="MLflow: away") as refused:
            await stub.GetExperiment(api.GetExperimentRequest(run_id=RUN), timeout=WAIT_S)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_record_is_answered_with_its_parameters_metrics_model_and_history() -> None:
    ledger = MemoryLedger()
    record_all(ledger, run_events.whole_run())
    async with client(ledger) as stub:
        answer = await stub.GetExperiment(api.GetExperimentRequest(run_id=RUN), timeout=WAIT_S)
    record = answer.experiment
    assert (record.status, record.experiment_name) == ("finished", "border_detection/dual_class")
    assert (record.model_name, record.model_version) == (run_events.MODEL, "1")
    assert record.parameters["image_size"] == "160"
    assert record.artifacts["package"] == "s3://truscore/models/m/package.tar"
    assert record.ended_at.seconds == run_events.BEGIN_S + 400
    assert list(answer.history["train_loss"].epochs) == [1, 2, 3]


async def test_experiments_are_listed_in_pages_and_compared_in_the_order_requested() -> None:
    ledger = MemoryLedger()
    record_all(ledger, [run_events.started(n, run_id=f"run-{n}", lr=str(n)) for n in range(3)])
    async with client(ledger) as stub:
        first = await stub.ListExperiments(api.ListExperimentsRequest(page_size=2), timeout=WAIT_S)
        rest = await stub.ListExperiments(
            api.ListExperimentsRequest(page_size=2, page_token=first.next_page_token), timeout=WAIT_S
        )
        compared = await stub.CompareExperiments(
            api.CompareExperimentsRequest(run_ids=["run-2", "run-0"]), timeout=WAIT_S
        )
    assert [each.run_id for each in [*first.experiments, *rest.experiments]] == ["run-2", "run-1", "run-0"]
    assert rest.next_page_token == ""
    rows = {row.name: row for row in compared.parameters}
    assert list(rows["hyperparameters.optimization.learning_rate"].values) == ["2", "0"]
    assert rows["hyperparameters.optimization.learning_rate"].differs
    assert not rows["image_size"].differs
