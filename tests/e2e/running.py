"""Services as processes, for tests: started on a broker and a store, any of them ended and started again."""

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from truscore.process.supervised import Started, start_process, wait_until
from truscore.telemetry.probe import SERVING, health_of

from deploy.local.addresses import Door, doors, ports_needed, variables
from deploy.local.servers.mlflow_server import MlflowServer
from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from deploy.local.servers.programs import REPOSITORY
from deploy.local.services import commands
from deploy.local.stack import NEEDS_MLFLOW
from deploy.local.tokens import make_tokens

READY_TIMEOUT_S = 120.0
DRAIN_S = 60.0


@dataclass(kw_only=True, slots=True)
class RunningServices:
    """Each service by its name in the Procfile; any of them may be ended and started again."""

    variables: Mapping[str, str]
    doors: Mapping[str, Door]
    logs: Path
    processes: dict[str, Started] = field(default_factory=dict)

    def start(self, name: str) -> Started:
        """Start one without waiting."""
        self.processes[name] = start_process(
            name,
            commands()[name],
            log_path=self.logs / f"{name}.log",
            env=dict(os.environ) | dict(self.variables),
            cwd=REPOSITORY,
        )
        return self.processes[name]

    def wait(self, name: str) -> None:
        """Until it says SERVING; ProcessFailed with its log where it does not."""
        ready = functools.partial(_serves, self.doors[name].address)
        wait_until(self.processes[name], ready, timeout_s=READY_TIMEOUT_S, what="SERVING")

    def stop(self) -> None:
        """Drain them all at the same time."""
        with ThreadPoolExecutor(len(self.processes) or 1) as pool:
            list(pool.map(lambda process: process.terminate(DRAIN_S), self.processes.values()))

    def tails(self) -> str:
        """The end of each log, for a test that fails."""
        return "\n".join(f"--- {name}\n{process.tail(30)}" for name, process in self.processes.items())


def _serves(address: str) -> bool:
    return health_of(address, timeout_s=2) == SERVING


@contextmanager
def services_of(
    names: Sequence[str],
    *,
    amqp_url: str,
    s3: ObjectServer,
    bucket: str,
    folder: Path,
    mlflow_server: MlflowServer | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningServices]:
    """Those services, each saying SERVING; drained at the end."""
    service_doors = doors(list(names), free_ports(ports_needed(list(names))))
    output = variables(
        amqp_url=amqp_url,
        management_url="",
        objects=s3,
        bucket=bucket,
        mlflow_url=mlflow_server.url if mlflow_server else "",
        service_doors=service_doors,
        workdir=folder / "work",
    )
    tokens = make_tokens(folder)
    access = {"TRUSCORE_GRPC_TOKENS_FILE": str(tokens.accepted), "TRUSCORE_GRPC_TOKEN": tokens.own}
    services = RunningServices(
        variables=output | access | {"TRUSCORE_TRAINER_PROFILE": "small"} | dict(environment or {}),
        doors={door.service: door for door in service_doors},
        logs=folder / "logs",
    )
    try:
        at_once = [name for name in names if mlflow_server is None or name != NEEDS_MLFLOW]
        for name in at_once:
            services.start(name)
        if mlflow_server is not None:
            mlflow_server.wait()
        for name in set(names).difference(at_once):
            services.start(name)
        for name in names:
            services.wait(name)
        yield services
    finally:
        services.stop()
