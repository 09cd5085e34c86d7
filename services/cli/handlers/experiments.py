"""The experiment tracker's answers as plain values, and the questions they answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC

import grpc
from truscore.api.v1 import experiments_pb2, experiments_pb2_grpc
from truscore.telemetry.grpc_tls import open_channel

from services.cli.context import CliError, Code
from services.cli.output.comparison import ExperimentView
from services.cli.output.lineage import Traced

TIMEOUT_S = 30.0
PAGE = 1000  # the most that the tracker gives at once
MOST_PAGES = 100
_CODES = {
    grpc.StatusCode.NOT_FOUND: Code.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT: Code.USAGE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Code.TIMED_OUT,
}


def compared(address: str, run_ids: Sequence[str], *, curves: bool) -> tuple[ExperimentView, ...]:
    """Two to twenty runs as they are on record, in this order. CliError."""
    with open_channel(address) as channel, _explained(address):
        stub = experiments_pb2_grpc.ExperimentsServiceStub(channel)
        request = experiments_pb2.CompareExperimentsRequest(run_ids=run_ids)
        found = stub.CompareExperiments(request, timeout=TIMEOUT_S).experiments
        histories = [_history(stub, each.run_id) if curves else {} for each in found]
    return tuple(
        ExperimentView(
            run_id=each.run_id,
            name=each.experiment_name,
            status=each.status,
            # The dataset decides the weights as the parameters do.
            parameters={"dataset": _dataset(each), **each.parameters},
            metrics=dict(each.metrics),
            curves=history,
        )
        for each, history in zip(found, histories, strict=True)
    )


def traced(address: str) -> tuple[Traced, ...]:
    """Every run on record, newest first, and what is around it. CliError."""
    found: list[Traced] = []
    with open_channel(address) as channel, _explained(address):
        stub = experiments_pb2_grpc.ExperimentsServiceStub(channel)
        request = experiments_pb2.ListExperimentsRequest(page_size=PAGE)
        for _ in range(MOST_PAGES):
            response = stub.ListExperiments(request, timeout=TIMEOUT_S)
            found += map(_traced, response.experiments)
            if not response.next_page_token:
                break
            request.page_token = response.next_page_token
    return tuple(found)


def aliases_of(address: str, run_id: str) -> tuple[str, ...]:
    """Aliases that the version of a run's model has now. CliError."""
    with open_channel(address) as channel, _explained(address):
        stub = experiments_pb2_grpc.ExperimentsServiceStub(channel)
        request = experiments_pb2.GetExperimentRequest(run_id=run_id)
        return tuple(stub.GetExperiment(request, timeout=TIMEOUT_S).experiment.model_aliases)


def _traced(experiment: experiments_pb2.Experiment) -> Traced:
    tags = experiment.tags

    def tag(name: str) -> str:
        return tags.get(f"truscore.{name}", "")

    version = tag("artifact.package.uri").rpartition("/")[0].rpartition("/")[2]
    return Traced(
        run_id=experiment.run_id,
        status=experiment.status,
        job="/".join(tag(name) for name in ("category", "option", "architecture")),
        dataset=f"{tag('dataset_id')}/{tag('dataset_version')}",
        dataset_digest=tag("dataset_digest"),
        git_commit=tags.get("mlflow.source.git.commit", ""),
        artifacts={name: (uri, tag(f"artifact.{name}.sha256")) for name, uri in experiment.artifacts.items()},
        model=f"{experiment.model_name}/{version}" if experiment.model_name else "",
        aliases=tuple(experiment.model_aliases),
        fit_for_use=tag("fit_for_use"),
        started_at=experiment.started_at.ToDatetime(tzinfo=UTC),
        ended_at=experiment.ended_at.ToDatetime(tzinfo=UTC) if experiment.HasField("ended_at") else None,
    )


def _dataset(experiment: experiments_pb2.Experiment) -> str:
    named, version, digest = (
        experiment.tags.get(f"truscore.dataset_{part}", "") for part in ("id", "version", "digest")
    )
    return f"{named}/{version} {digest[:12]}".strip()


def _history(
    stub: experiments_pb2_grpc.ExperimentsServiceStub, run_id: str
) -> dict[str, tuple[tuple[int, float], ...]]:
    request = experiments_pb2.GetExperimentRequest(run_id=run_id)
    answer = stub.GetExperiment(request, timeout=TIMEOUT_S)
    return {name: tuple(zip(history.epochs, history.values, strict=True)) for name, history in answer.history.items()}


@contextmanager
def _explained(address: str) -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        code = _CODES.get(error.code(), Code.UNREACHABLE)
        details = str(error.details())
        unreachable = f"the experiment tracker at {address} does not answer: {details}"
        raise CliError(code, unreachable if code is Code.UNREACHABLE else details) from error
