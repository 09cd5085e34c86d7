"""The search's gRPC service: questions in, answers out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from truscore.api.v1 import searches_pb2 as api
from truscore.api.v1 import searches_pb2_grpc

from services.hyperparameter_search.handlers.orders import message_of_spec
from services.hyperparameter_search.handlers.publish import best_of, counts_of, message_of
from services.hyperparameter_search.search_store import SearchStore, UnreadableSearch
from services.hyperparameter_search.trial import Search

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_SIZE, MAX_SIZE = 100, 1000
MAX_READS = 4


class Reads(searches_pb2_grpc.SearchesServiceServicer):
    """Answers from the storage, a few at a time."""

    def __init__(self, store: SearchStore) -> None:
        self._store = store
        self._read_slots = asyncio.Semaphore(MAX_READS)

    def add_to(self, server: grpc.aio.Server) -> None:
        searches_pb2_grpc.add_SearchesServiceServicer_to_server(self, server)

    async def ListSearches(  # noqa: N802  the contract's name
        self, request: api.ListSearchesRequest, _context: Context
    ) -> api.ListSearchesResponse:
        size = min(request.page_size or DEFAULT_SIZE, MAX_SIZE)
        async with self._read_slots:
            found = await asyncio.to_thread(self._newest, size)
        return api.ListSearchesResponse(searches=[answer(search, full=False) for search in found])

    async def GetSearch(  # noqa: N802
        self, request: api.GetSearchRequest, context: Context
    ) -> api.GetSearchResponse:
        async with self._read_slots:
            try:
                search = await asyncio.to_thread(self._store.find, request.search_id)
            except UnreadableSearch as error:
                await context.abort(grpc.StatusCode.DATA_LOSS, str(error))
                raise AssertionError("abort raises") from error
        if search is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"search {request.search_id[:200]!r} is not known here")
            raise AssertionError("abort raises")
        return api.GetSearchResponse(search=answer(search, full=True))

    def _newest(self, size: int) -> list[Search]:
        found = (self._store.find_readable(name) for name in self._store.names()[:size])
        return [search for search in found if search is not None]


def answer(search: Search, *, full: bool) -> api.Search:
    """The search as the API shows it; `full` with its spec and trials."""
    order, begun_at = search.order, Timestamp()
    begun_at.FromDatetime(datetime.fromtimestamp(search.begun_at, tz=UTC))
    message = search.message or (search.cancel.reason if search.cancel else "")
    return api.Search(
        search_id=order.search_id,
        state=search.state,
        dataset_id=order.dataset_id,
        dataset_version=order.version,
        category=order.category,
        option=order.option,
        spec=message_of_spec(order.spec) if full else None,
        begun_at=begun_at,
        counts=counts_of(search),
        most_trials=order.spec.bounds.trials,
        images=search.images,
        best=best_of(search),
        trials=[message_of(trial) for trial in search.trials] if full else [],
        message=message or (search.export.message if search.export else ""),
        package_uri=search.export.package_uri if search.export else "",
    )
