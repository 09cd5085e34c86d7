"""The experiment tracker's answers as plain values, and the questions they answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc
from truscore.api.v1 import experiments_pb2, experiments_pb2_grpc

from services.cli.context import CliError, Code
from services.cli.output.comparison import ExperimentView

TIMEOUT_S = 30.0
_CODES = {
    grpc.StatusCode.NOT_FOUND: Code.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT: Code.USAGE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Code.TIMED_OUT,
}


def compared(address: str, run_ids: Sequence[str], *, curves: bool) -> tuple[ExperimentView, ...]:
    """Two to twenty runs as they are on record, in this order. CliError."""
    with grpc.insecure_channel(address) as channel, _explained(address):
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
