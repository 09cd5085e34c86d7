"""Orders of searches with their answers on the bus, and what the search's gRPC service knows of them."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from truscore.api.v1 import searches_pb2, searches_pb2_grpc
from truscore.bus import BusUnavailable, Envelope, Unroutable, connect, consume_broadcast, publisher
from truscore.events.v1 import search_pb2
from truscore.validation import DatasetOrder

from services.cli.context import CliError, Code, Endpoint
from services.cli.handlers.endpoints import channel_to, explained
from services.cli.handlers.publish import SERVICE, ready_of
from services.cli.output.searches import SearchView, TrialView

TIMEOUT_S = 15.0
ANSWER_S = 30.0


def order_search(
    amqp_url: str, search_id: str, order: DatasetOrder, space: Mapping[str, Any], *, requested_by: str
) -> tuple[str, ...] | None:
    """Says SearchOrdered and waits for the answer: why it was refused, nothing where it was accepted.

    None where no answer came in time.
    """
    ordered = search_pb2.SearchOrdered(search_id=search_id, order=ready_of(order), requested_by=requested_by)
    try:
        json_format.ParseDict(dict(space), ordered.spec)
    except json_format.ParseError as error:
        raise CliError(Code.USAGE, f"--space: {error}") from error
    try:
        return asyncio.run(_answered(amqp_url, ordered))
    except (BusUnavailable, Unroutable) as error:
        raise CliError(Code.UNREACHABLE, f"the broker did not take it: {error}") from error


async def _answered(amqp_url: str, ordered: search_pb2.SearchOrdered) -> tuple[str, ...] | None:
    broker = connect(amqp_url, service=SERVICE)
    answer: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()

    async def on_answer(event: Any, _envelope: Envelope) -> None:
        if event.search_id == ordered.search_id and not answer.done():
            findings = event.findings if isinstance(event, search_pb2.SearchRefused) else ()
            answer.set_result(tuple(finding.message for finding in findings))

    consume_broadcast(broker, [search_pb2.SearchAccepted, search_pb2.SearchRefused], on_answer, service=SERVICE)
    try:
        await broker.start()
        sequence = hashlib.sha256(ordered.SerializeToString(deterministic=True)).hexdigest()
        await publisher(broker, service=SERVICE).publish(ordered, subject=ordered.search_id, sequence=sequence)
        async with asyncio.timeout(ANSWER_S):
            return await answer
    except TimeoutError:
        return None
    finally:
        await broker.stop()


def cancel_request(search_id: str, *, reason: str, requested_by: str, request_id: str) -> search_pb2.SearchCancel:
    """The request to end a search and its runs."""
    return search_pb2.SearchCancel(search_id=search_id, reason=reason, requested_by=requested_by, request_id=request_id)


class Searches:
    """Reads of searches; CliError where the service is away or knows no such search."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = channel_to(endpoint)
        self._stub = searches_pb2_grpc.SearchesServiceStub(self._channel)

    def __enter__(self) -> "Searches":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._channel.close()

    def list(self, *, limit: int) -> tuple[SearchView, ...]:
        """Newest first."""
        with explained(self._endpoint):
            request = searches_pb2.ListSearchesRequest(page_size=limit)
            return tuple(view_of(each) for each in self._stub.ListSearches(request, timeout=TIMEOUT_S).searches)

    def get(self, search_id: str) -> SearchView:
        with explained(self._endpoint):
            request = searches_pb2.GetSearchRequest(search_id=search_id)
            return view_of(self._stub.GetSearch(request, timeout=TIMEOUT_S).search)


def view_of(search: searches_pb2.Search) -> SearchView:
    counts = search.counts
    return SearchView(
        search_id=search.search_id,
        state=search.state,
        dataset_id=search.dataset_id,
        dataset_version=search.dataset_version,
        category=search.category,
        option=search.option,
        objectives=tuple(each.metric for each in search.spec.objectives),
        begun_at=search.begun_at.ToDatetime(),
        most_trials=search.most_trials,
        counts={field.name: getattr(counts, field.name) for field in counts.DESCRIPTOR.fields},
        images=search.images,
        best=tuple(map(_trial, search.best)),
        trials=tuple(map(_trial, search.trials)),
        message=search.message,
        package_uri=search.package_uri,
    )


def _trial(trial: search_pb2.SearchTrial) -> TrialView:
    tree = json_format.MessageToDict(trial.parameters, preserving_proto_field_name=True)
    return TrialView(
        number=trial.number,
        run_id=trial.run_id,
        state=trial.state,
        parameters=dict(_flat(tree, "")),
        values=dict(trial.values),
        epochs=trial.epochs,
        images=trial.images,
        message=trial.message,
    )


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
