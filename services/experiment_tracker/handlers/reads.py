"""The tracker's gRPC service: questions in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from truscore.api.v1 import experiments_pb2 as api
from truscore.api.v1 import experiments_pb2_grpc
from truscore.configuration.run_id import RUN_ID_ACCEPTED, is_run_id

from services.experiment_tracker.compare import NotComparable, Row, check_run_ids, metric_rows, parameter_rows
from services.experiment_tracker.ledger import Ledger, LedgerRefused, LedgerUnavailable
from services.experiment_tracker.promotion import run_of_version
from services.experiment_tracker.record import MODEL, MODEL_VERSION, History, Recorded, Status

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_SIZE, MAX_SIZE = 100, 1000
MAX_NAME_CHARS = 500
MAX_TOKEN_CHARS = 10_000
MAX_READS = 4
WORDS = {Status.RUNNING: "running", Status.FINISHED: "finished", Status.FAILED: "failed", Status.KILLED: "cancelled"}

T = TypeVar("T")


class NotOnRecord(LookupError):
    """No record of the run."""


class Reads(experiments_pb2_grpc.ExperimentsServiceServicer):
    """Answers from the ledger, a few at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read_slots = asyncio.Semaphore(MAX_READS)

    def add_to(self, server: grpc.aio.Server) -> None:
        experiments_pb2_grpc.add_ExperimentsServiceServicer_to_server(self, server)

    async def ListExperiments(  # noqa: N802  the contract's name
        self, request: api.ListExperimentsRequest, context: Context
    ) -> api.ListExperimentsResponse:
        if len(request.experiment_name) > MAX_NAME_CHARS or len(request.page_token) > MAX_TOKEN_CHARS:
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "experiment_name or page_token is too long")
        size = min(request.page_size or DEFAULT_SIZE, MAX_SIZE)
        async with self._answering(context):
            records, token = await self._query(
                lambda: self._ledger.page(experiment_name=request.experiment_name, size=size, token=request.page_token)
            )
            aliases = await self._aliases(records)
        return api.ListExperimentsResponse(
            experiments=[_experiment(record, aliases) for record in records], next_page_token=token
        )

    async def GetExperiment(  # noqa: N802
        self, request: api.GetExperimentRequest, context: Context
    ) -> api.GetExperimentResponse:
        async with self._answering(context):
            record = await self._record(request.run_id)
            history = await self._query(lambda: self._ledger.history(record))
            aliases = await self._aliases([record])
        return api.GetExperimentResponse(experiment=_experiment(record, aliases), history=_histories(history))

    async def CompareExperiments(  # noqa: N802
        self, request: api.CompareExperimentsRequest, context: Context
    ) -> api.CompareExperimentsResponse:
        async with self._answering(context):
            check_run_ids(request.run_ids)
            records = [await self._record(run_id) for run_id in request.run_ids]
            aliases = await self._aliases(records)
        return api.CompareExperimentsResponse(
            experiments=[_experiment(record, aliases) for record in records],
            parameters=_rows(parameter_rows(records)),
            metrics=_rows(metric_rows(records)),
        )

    async def _record(self, run_id: str) -> Recorded:
        if not is_run_id(run_id):
            raise LedgerRefused(f"run_id {run_id[:200]!r}: {RUN_ID_ACCEPTED}")
        record = await self._query(lambda: self._ledger.get(run_id))
        if record is None:
            raise NotOnRecord(f"run {run_id!r} is not on record")
        return record

    async def _aliases(self, records: Iterable[Recorded]) -> Mapping[str, list[str]]:
        """By run: the aliases that its model's version has now."""
        found: dict[str, list[str]] = {}
        for model in sorted({record.tags[MODEL] for record in records if MODEL in record.tags}):
            aliases = await self._query(partial(self._ledger.aliases, model))
            for alias, version in sorted(aliases.items()):
                found.setdefault(run_of_version(version), []).append(alias)
        return found

    async def _query(self, query: Callable[[], T]) -> T:
        async with self._read_slots:
            return await asyncio.to_thread(query)

    @asynccontextmanager
    async def _answering(self, context: Context) -> AsyncIterator[None]:
        try:
            yield
        except NotOnRecord as error:
            await _abort(context, grpc.StatusCode.NOT_FOUND, str(error))
        except (LedgerRefused, NotComparable) as error:
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except LedgerUnavailable as error:
            await _abort(context, grpc.StatusCode.UNAVAILABLE, str(error))


def _experiment(record: Recorded, aliases: Mapping[str, list[str]]) -> api.Experiment:
    return api.Experiment(
        run_id=record.run_id,
        mlflow_run_id=record.mlflow_run_id,
        experiment_name=record.experiment_name,
        status=WORDS[record.status],
        parameters=record.parameters,
        metrics=record.metrics,
        tags=record.tags,
        started_at=_timestamp(record.started_at),
        ended_at=None if record.ended_at is None else _timestamp(record.ended_at),
        model_name=record.tags.get(MODEL, ""),
        model_version=record.tags.get(MODEL_VERSION, ""),
        artifacts=record.artifacts,
        model_aliases=aliases.get(record.run_id, []),
    )


def _histories(history: History) -> dict[str, api.MetricHistory]:
    return {
        name: api.MetricHistory(epochs=[epoch for epoch, _ in points], values=[value for _, value in points])
        for name, points in history.items()
    }


def _rows(rows: Iterable[Row]) -> list[api.ComparedRow]:
    return [api.ComparedRow(name=row.name, values=row.values, differs=row.differs) for row in rows]


def _timestamp(at: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(round(at * 1e9))
    return stamp


async def _abort(context: Context, code: grpc.StatusCode, message: str) -> NoReturn:
    await context.abort(code, message)
    raise AssertionError("abort raises")
