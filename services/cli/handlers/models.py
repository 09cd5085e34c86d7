"""Which model a run made, as the monitor or the experiment tracker knows it."""

import grpc
from truscore.api.v1 import experiments_pb2, experiments_pb2_grpc, monitor_pb2, monitor_pb2_grpc
from truscore.releases import Place

from services.cli.context import CliError, Code, Endpoint
from services.cli.handlers.endpoints import asking

TIMEOUT_S = 15.0
PAGE = 1000  # the most that either gives at once
MOST_PAGES = 100
FIT_FOR_USE = "truscore.fit_for_use"  # the tag that the tracker writes


def of_monitor(endpoint: Endpoint, reference: str) -> Place | None:
    """What a run, an order or DATASET/VERSION made; None where the monitor knows no such run.

    Raises CliError: NOT_FOUND where the run has no model, UNREACHABLE where the monitor does not answer.
    """
    with asking(endpoint) as channel:
        stub = monitor_pb2_grpc.MonitorServiceStub(channel)
        try:
            run = stub.GetRun(monitor_pb2.GetRunRequest(run_id=reference), timeout=TIMEOUT_S).run
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
    if not run.model.model_id:
        state = monitor_pb2.RunState.Name(run.state).removeprefix("RUN_STATE_").lower()
        raise CliError(Code.NOT_FOUND, f"{reference} has no exported model: it is {state}")
    return _announced(run)


def newest_of_monitor(endpoint: Endpoint, model_id: str) -> Place | None:
    """The newest version of a model that the monitor knows; one that is not fit for use where there is no other."""
    with asking(endpoint) as channel:
        stub = monitor_pb2_grpc.MonitorServiceStub(channel)
        request = monitor_pb2.ListRunsRequest(page_size=PAGE)
        unfit: Place | None = None
        for _ in range(MOST_PAGES):
            response = stub.ListRuns(request, timeout=TIMEOUT_S)
            for run in response.runs:
                if run.model.model_id == model_id:
                    if not run.model.HasField("fit_for_use") or run.model.fit_for_use:
                        return _announced(run)
                    unfit = unfit or _announced(run)
            if not response.next_page_token:
                break
            request.page_token = response.next_page_token
    return unfit


def of_tracker(endpoint: Endpoint, run_id: str) -> Place | None:
    """What the tracker has on record for a run; None where it has no model of it."""
    with asking(endpoint) as channel:
        stub = experiments_pb2_grpc.ExperimentsServiceStub(channel)
        request = experiments_pb2.GetExperimentRequest(run_id=run_id)
        try:
            return _recorded(stub.GetExperiment(request, timeout=TIMEOUT_S).experiment)
        except grpc.RpcError as error:
            if error.code() in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}:
                return None
            raise


def newest_of_tracker(endpoint: Endpoint, model_id: str) -> Place | None:
    """The newest version of a model on record; one that is not fit for use where there is no other."""
    with asking(endpoint) as channel:
        stub = experiments_pb2_grpc.ExperimentsServiceStub(channel)
        request = experiments_pb2.ListExperimentsRequest(page_size=PAGE)
        unfit: Place | None = None
        for _ in range(MOST_PAGES):
            response = stub.ListExperiments(request, timeout=TIMEOUT_S)
            for experiment in response.experiments:
                if experiment.model_name == model_id and (place := _recorded(experiment)):
                    if experiment.tags.get(FIT_FOR_USE) != "false":
                        return place
                    unfit = unfit or place
            if not response.next_page_token:
                break
            request.page_token = response.next_page_token
    return unfit


def _recorded(experiment: experiments_pb2.Experiment) -> Place | None:
    """From where the package lies: the tracker's own version numbers are MLflow's."""
    uri = experiment.artifacts.get("package", "").rpartition("/")[0]
    if not experiment.model_name or not uri:
        return None
    return Place(uri=uri, model_id=experiment.model_name, version=uri.rpartition("/")[2], announced={})


def _announced(run: monitor_pb2.Run) -> Place:
    """As `ModelExported` named it, digests included."""
    model = run.model
    files = {each.uri: each.sha256 for each in model.artifacts} | {model.package_uri: model.package_sha256}
    return Place(
        uri=model.package_uri.rpartition("/")[0],
        model_id=model.model_id,
        version=model.version,
        announced={uri.rpartition("/")[2]: sha256 for uri, sha256 in files.items() if sha256},
    )
