"""The experiment tracker's answers as plain values, and the questions they answer."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from google.protobuf.json_format import MessageToDict
from truscore.api.v1 import experiments_pb2, experiments_pb2_grpc

from services.cli.context import Endpoint
from services.cli.handlers.endpoints import asking
from services.cli.output.comparison import ExperimentView
from services.cli.output.lineage import Traced

TIMEOUT_S = 30.0
PAGE = 1000  # the most that the tracker gives at once
MOST_PAGES = 100


def compared(endpoint: Endpoint, run_ids: Sequence[str], *, curves: bool) -> tuple[ExperimentView, ...]:
    """Two to twenty runs as they are on record, in this order. CliError."""
    with asking(endpoint) as channel:
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


def traced(endpoint: Endpoint) -> tuple[Traced, ...]:
    """Every run on record, newest first, and what is around it. CliError."""
    found: list[Traced] = []
    with asking(endpoint) as channel:
        stub = experiments_pb2_grpc.ExperimentsServiceStub(channel)
        request = experiments_pb2.ListExperimentsRequest(page_size=PAGE)
        for _ in range(MOST_PAGES):
            response = stub.ListExperiments(request, timeout=TIMEOUT_S)
            found += map(_traced, response.experiments)
            if not response.next_page_token:
                break
            request.page_token = response.next_page_token
    return tuple(found)


def on_record(endpoint: Endpoint, run_id: str) -> dict[str, Any]:
    """All that the tracker has of a run, in the words of JSON. CliError."""
    with asking(endpoint) as channel:
        stub = experiments_pb2_grpc.ExperimentsServiceStub(channel)
        answer = stub.GetExperiment(experiments_pb2.GetExperimentRequest(run_id=run_id), timeout=TIMEOUT_S)
    return MessageToDict(answer, preserving_proto_field_name=True)


def aliases_of(endpoint: Endpoint, run_id: str) -> tuple[str, ...]:
    """Aliases that the version of a run's model has now. CliError."""
    with asking(endpoint) as channel:
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
        git_dirty=tags.get("mlflow.source.git.dirty") == "true",
        environment_digest=tag("environment_digest"),
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
