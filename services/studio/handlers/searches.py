"""The hyper-parameter search's answers as plain values for pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import grpc
from google.protobuf import json_format
from truscore.access import PlaintextToken
from truscore.api.v1 import searches_pb2, searches_pb2_grpc
from truscore.events.v1 import search_pb2
from truscore.telemetry.grpc_tls import open_async_channel

from services.studio.handlers.monitor import OpenChannel, finite
from services.studio.handlers.refusals import words_of

TIMEOUT_S: Final = 10.0
Plain = dict[str, Any]


class SearchesAway(Exception):
    """The hyper-parameter search does not answer, in words."""


class SearchUnknown(Exception):
    """It knows no such search."""


class Searches:
    """Reads of searches; connects when it is first asked."""

    def __init__(self, address: str, open_channel: OpenChannel = open_async_channel) -> None:
        self._address, self._open_channel = address, open_channel
        self._channel: grpc.aio.Channel | None = None

    def _stub(self) -> Any:
        if not self._address:
            raise SearchesAway("TRUSCORE_SEARCH_ADDRESS is not set: searches can't be shown")
        try:
            self._channel = self._channel or self._open_channel(self._address)
        except PlaintextToken as error:
            raise SearchesAway(str(error)) from error
        return searches_pb2_grpc.SearchesServiceStub(self._channel)

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def list(self, *, limit: int = 100) -> tuple[Plain, ...]:
        """Newest first, without trials."""
        request = searches_pb2.ListSearchesRequest(page_size=limit)
        try:
            answer = await self._stub().ListSearches(request, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        return tuple(search_of(each) for each in answer.searches)

    async def get(self, search_id: str) -> Plain:
        """With its trials and what is searched."""
        try:
            answer = await self._stub().GetSearch(searches_pb2.GetSearchRequest(search_id=search_id), timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._explained(error) from error
        return search_of(answer.search)

    def _explained(self, error: grpc.aio.AioRpcError) -> Exception:
        if error.code() in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.DATA_LOSS}:
            return SearchUnknown(str(error.details()))
        return SearchesAway(words_of(error, "the hyper-parameter search", self._address))


def search_of(search: searches_pb2.Search) -> Plain:
    """What pages show of a search; counts are of trials by state."""
    counts = {field.name: getattr(search.counts, field.name) for field in search.counts.DESCRIPTOR.fields}
    return {
        "search_id": search.search_id,
        "state": search.state,
        "dataset_id": search.dataset_id,
        "dataset_version": search.dataset_version,
        "category": search.category,
        "option": search.option,
        "begun_at": search.begun_at.seconds if search.HasField("begun_at") else 0,
        "counts": counts,
        "trials_begun": sum(counts.values()),
        "most_trials": search.most_trials,
        "images": search.images,
        "message": search.message,
        "package_uri": search.package_uri,
        "sampler": search.spec.sampler,
        "pruner": search.spec.pruning.pruner,
        "objectives": [{"metric": each.metric, "direction": each.direction} for each in search.spec.objectives],
        "parameters": [each.key for each in search.spec.parameters],
        "best": [_trial(each) for each in search.best],
        "trials": [_trial(each) for each in search.trials],
    }


def _trial(trial: search_pb2.SearchTrial) -> Plain:
    tree = json_format.MessageToDict(trial.parameters, preserving_proto_field_name=True)
    return {
        "number": trial.number,
        "run_id": trial.run_id,
        "state": trial.state,
        "parameters": dict(_flat(tree, "")),
        "values": {name: finite(value) for name, value in trial.values.items()},
        "epochs": trial.epochs,
        "images": trial.images,
        "message": trial.message,
    }


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Keys with dots, as the configuration's are written."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
