"""The experiment tracker's answers as plain values: which dataset, run and model belong together."""

from __future__ import annotations

from typing import Any, Final

import grpc
from truscore.access import PlaintextToken
from truscore.api.v1 import experiments_pb2, experiments_pb2_grpc
from truscore.telemetry.grpc_tls import open_async_channel

from services.studio.handlers.monitor import OpenChannel
from services.studio.handlers.refusals import words_of

TIMEOUT_S: Final = 10.0
MOST: Final = 1000  # experiments, the newest: as many as one page of the tracker has
Plain = dict[str, Any]


class TrackerAway(Exception):
    """The experiment tracker does not answer, in words."""


class Experiments:
    """Reads of the tracker; connects when it is first asked."""

    def __init__(self, address: str, open_channel: OpenChannel = open_async_channel) -> None:
        self._address, self._open_channel = address, open_channel
        self._channel: grpc.aio.Channel | None = None

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def list(self) -> tuple[Plain, ...]:
        """Newest first. Raises TrackerAway."""
        if not self._address:
            raise TrackerAway("TRUSCORE_TRACKER_ADDRESS is not set: lineage and aliases can't be shown")
        try:
            self._channel = self._channel or self._open_channel(self._address)
            stub = experiments_pb2_grpc.ExperimentsServiceStub(self._channel)
            request = experiments_pb2.ListExperimentsRequest(page_size=MOST)
            answer = await stub.ListExperiments(request, timeout=TIMEOUT_S)
        except PlaintextToken as error:
            raise TrackerAway(str(error)) from error
        except grpc.aio.AioRpcError as error:
            raise TrackerAway(words_of(error, "the experiment tracker", self._address)) from error
        return tuple(map(experiment_of, answer.experiments))


def experiment_of(experiment: experiments_pb2.Experiment) -> Plain:
    tags = experiment.tags

    def tag(name: str) -> str:
        return tags.get(f"truscore.{name}", "")

    return {
        "run_id": experiment.run_id,
        "status": experiment.status,
        "row": [tag(name) for name in ("category", "option", "architecture")],
        "dataset_id": tag("dataset_id"),
        "dataset_version": tag("dataset_version"),
        "dataset_digest": tag("dataset_digest"),
        "git_commit": tags.get("mlflow.source.git.commit", ""),
        "git_dirty": tags.get("mlflow.source.git.dirty") == "true",
        "model_id": experiment.model_name,
        "model_version": tag("artifact.package.uri").rpartition("/")[0].rpartition("/")[2],
        "fit_for_use": tag("fit_for_use"),
        "aliases": list(experiment.model_aliases),
        "artifacts": [
            {"name": name, "uri": uri, "sha256": tag(f"artifact.{name}.sha256")}
            for name, uri in sorted(experiment.artifacts.items())
        ],
    }
