"""The whole system on this machine, from broker to exporter. Knows the order of starting and ending."""

import fcntl
import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.addresses import doors, from_env_file, to_env_file, variables
from deploy.local.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.objects import ObjectServer
from deploy.local.ports import free_ports
from deploy.local.processes import Started
from deploy.local.programs import REPOSITORY, programs_folder, ready_rabbitmq
from deploy.local.rabbitmq import RabbitMQ
from deploy.local.seaweedfs import SeaweedFS, find_weed
from deploy.local.services import Services, commands
from deploy.local.settings import LocalSettings

Say = Callable[[str], None]


class AlreadyRunning(RuntimeError):
    """Another stack runs in the same folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where a local stack keeps things."""

    folder: Path

    @property
    def env_file(self) -> Path:
        return self.folder / "stack.env"

    @property
    def pid_file(self) -> Path:
        return self.folder / "stack.pid"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def known(self) -> dict[str, str]:
        """The addresses of the stack that runs here; empty when none does."""
        return from_env_file(self.env_file.read_text()) if self.env_file.exists() else {}


def places(settings: LocalSettings) -> Places:
    """The folder of the settings; a relative one is within the repository."""
    return Places(folder=(REPOSITORY / settings.local_dir).resolve())


@contextmanager
def running_stack(settings: LocalSettings, *, say: Say) -> Iterator["Stack"]:
    """Start everything, and end it on the way out, however that comes."""
    where = places(settings)
    where.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ending:
        ending.enter_context(_alone(where))
        stack = Stack(settings, where, say=say, ending=ending)
        stack.start()
        yield stack
        say("stopping: services drain, then broker and store end")


@contextmanager
def _alone(where: Places) -> Iterator[None]:
    with (where.folder / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"a stack runs in {where.folder} already: `make down` stops it") from None
        where.pid_file.write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            where.env_file.unlink(missing_ok=True)
            where.pid_file.unlink(missing_ok=True)


class Stack:
    """What was started, and how to reach it."""

    def __init__(self, settings: LocalSettings, where: Places, *, say: Say, ending: ExitStack) -> None:
        self._settings = settings
        self._where = where
        self._say = say
        self._ending = ending
        self._services = Services(where.logs)
        self._servers: list[Callable[[], Started | None]] = []
        self.variables: dict[str, str] = {}

    def start(self) -> None:
        """MLflow first, for it takes longest; then broker and store side by side, then the services."""
        mlflow_url, wait_for_mlflow = self._begin_mlflow()
        with ThreadPoolExecutor(2) as pool:
            broker = pool.submit(self._start_broker)
            objects = pool.submit(self._start_store)
            (amqp_url, management_url), store = broker.result(), objects.result()
        store.make_bucket(self._settings.bucket)
        names = list(commands())
        service_doors = doors(names, free_ports(2 * len(names)))
        self.variables = variables(
            amqp_url=amqp_url,
            management_url=management_url,
            objects=store,
            bucket=self._settings.bucket,
            mlflow_url=mlflow_url,
            service_doors=service_doors,
            workdir=self._where.folder / "work",
        )
        self._write_env_file()
        self._say(f"starting {', '.join(names)}")
        self._ending.callback(self._services.stop)
        self._services.start(service_doors, self.variables, cwd=REPOSITORY)
        wait_for_mlflow()
        self._services.wait()

    def ended(self) -> Started | None:
        """A process of the stack that is no longer running, if any."""
        gone = (process for server in self._servers if (process := server()) is not None and not process.running)
        return self._services.ended() or next(gone, None)

    def _begin_mlflow(self) -> tuple[str, Callable[[], None]]:
        if self._settings.mlflow_url:
            return self._settings.mlflow_url, self._services.hold
        program = ready_mlflow(programs_folder(self._settings) / "mlflow-venv", lock=REPOSITORY / "requirements.lock")
        server = MlflowServer(self._where.folder / "mlflow", program)
        self._ending.callback(server.stop)
        server.begin()
        self._servers.append(lambda: server.process)
        return server.url, functools.partial(server.wait, self._services.hold)

    def _start_broker(self) -> tuple[str, str]:
        if self._settings.amqp_url is not None:
            return self._settings.amqp_url.get_secret_value(), ""
        node = RabbitMQ(self._where.folder / "rabbitmq", ready_rabbitmq(self._settings))
        self._ending.callback(node.close)
        self._say("starting RabbitMQ")
        node.start()
        self._servers.append(lambda: node.process)
        return node.amqp_url, node.management_url

    def _start_store(self) -> ObjectServer:
        named = self._settings.object_server()
        if named is not None:
            return named
        store = SeaweedFS(self._where.folder / "seaweedfs", find_weed())
        self._ending.callback(store.stop)
        self._say("starting SeaweedFS")
        store.start()
        self._servers.append(lambda: store.process)
        return store.reach

    def _write_env_file(self) -> None:
        path = self._where.env_file
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(to_env_file(self.variables))
