"""The whole system on this machine, from broker to exporter. Knows the order of starting and ending."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

from truscore.process.identity import process_identity
from truscore.process.supervised import Started
from truscore.settings import SECRETS_DIR

from deploy.local.addresses import STACK_PROCESS, doors, ports_needed, to_env_file, variables
from deploy.local.leftovers import MARK, end_leftovers
from deploy.local.places import Places, alone, places
from deploy.local.plain_paths import NoPlainPath, drop_plain_path, plain_path
from deploy.local.servers.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from deploy.local.servers.programs import REPOSITORY, programs_folder, ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from deploy.local.services import DRAIN_S, Services, commands
from deploy.local.settings import LocalSettings
from deploy.local.signing_key import secrets_with_key
from deploy.local.tokens import make_tokens

Echo = Callable[[str], None]
# Everything else starts while the MLflow server does: see `Stack.start`.
NEEDS_MLFLOW = "experiment-tracker"
# Ends of the names of variables that no client is told.
OF_SERVICES = ("_WORKDIR", SECRETS_DIR, "_GRPC_TOKENS_FILE", "_GRPC_TOKEN_FILE")
# What of the shell would stand beside the stack's own tokens.
TOKEN_VARIABLES = ("TRUSCORE_GRPC_TOKENS", "TRUSCORE_GRPC_TOKEN")


@contextmanager
def running_stack(settings: LocalSettings, *, echo: Echo) -> Iterator["Stack"]:
    """Start everything, and end it on the way out, however that comes."""
    where = places(settings)
    where.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as cleanup:
        cleanup.enter_context(alone(where))
        if count := end_leftovers(where.folder):
            echo(f"ended {count} processes that a killed stack had left")
        cleanup.enter_context(_scratch(where))
        stack = Stack(settings, where, echo=echo, cleanup=cleanup)
        cleanup.callback(echo, "stopped")
        # A server that was interrupted while it came up may have started a process after it was ended.
        cleanup.callback(end_leftovers, where.folder)
        stack.start()
        yield stack
        echo("stopping")


@contextmanager
def _scratch(where: Places) -> Iterator[None]:
    shutil.rmtree(where.scratch, ignore_errors=True)
    where.scratch.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(where.scratch, ignore_errors=True)
        with suppress(NoPlainPath):
            drop_plain_path(where.scratch)


def end_together(stops: Sequence[Callable[[], None]]) -> None:
    """Call all at the same time and return when all have returned; raises what the first that failed raised.

    For servers none of which uses another: each takes seconds, up to its grace, to end.
    """
    if not stops:
        return
    with ThreadPoolExecutor(len(stops)) as pool:
        stopped = [pool.submit(stop) for stop in stops]
    for each in stopped:
        each.result()


class Stack:
    """What was started, and how to reach it."""

    def __init__(self, settings: LocalSettings, where: Places, *, echo: Echo, cleanup: ExitStack) -> None:
        self._settings = settings
        self._where = where
        self._echo = echo
        self._cleanup = cleanup
        shell = {name: value for name, value in os.environ.items() if name not in TOKEN_VARIABLES}
        self._inherited = shell | {MARK: str(where.folder), "TMPDIR": str(plain_path(where.scratch))}
        self._services = Services(where.logs, environment=self._inherited)
        self._servers: list[Callable[[], Started | None]] = []
        self._server_stops: list[Callable[[], None]] = []
        self.variables: dict[str, str] = {}

    def start(self) -> None:
        """MLflow first, for it takes longest; then broker and store side by side, then the services.

        The tracker comes last: a server of MLflow that is asked several things while it imports may break for good.
        """
        self._cleanup.callback(lambda: end_together(self._server_stops))
        mlflow_url, wait_for_mlflow = self._begin_mlflow()
        (amqp_url, management_url), store = self._start_servers()
        store.make_bucket(self._settings.bucket)
        names = list(commands())
        service_doors = doors(names, free_ports(ports_needed(names)))
        self.variables = variables(
            amqp_url=amqp_url,
            management_url=management_url,
            objects=store,
            bucket=self._settings.bucket,
            mlflow_url=mlflow_url,
            service_doors=service_doors,
            workdir=self._where.folder / "work",
        )
        if SECRETS_DIR not in self._inherited:
            self.variables[SECRETS_DIR] = str(secrets_with_key(self._where.folder))
        tokens = make_tokens(self._where.folder)
        self.variables |= {
            "TRUSCORE_GRPC_TOKENS_FILE": str(tokens.accepted),
            "TRUSCORE_GRPC_TOKEN_FILE": str(tokens.studio),
        }
        self._echo(f"starting {', '.join(names)}")
        self._cleanup.callback(self._stop_services)
        start = functools.partial(self._services.start, environment=self.variables, cwd=REPOSITORY)
        start([door for door in service_doors if door.service != NEEDS_MLFLOW])
        wait_for_mlflow()
        start([door for door in service_doors if door.service == NEEDS_MLFLOW])
        self._services.wait()
        # Last: who finds the file finds everything answering.
        self._write_env_file(token=tokens.own)

    def ended(self) -> Started | None:
        """A process of the stack that is no longer running, if any."""
        gone = (process for server in self._servers if (process := server()) is not None and not process.running)
        return self._services.ended() or next(gone, None)

    def _stop_services(self) -> None:
        self._echo(f"waiting for the services to finish what they have in hand (at most {DRAIN_S:.0f} s)")
        self._services.stop(ended=lambda name: self._echo(f"{name} has ended"))
        self._echo("ending the servers")

    def _begin_mlflow(self) -> tuple[str, Callable[[], None]]:
        if self._settings.mlflow_url:
            return self._settings.mlflow_url, self._services.hold
        python = ready_mlflow(programs_folder(self._settings) / "mlflow-venv", lock=REPOSITORY / "requirements.lock")
        server = MlflowServer(self._where.folder / "mlflow", python, environment=self._inherited)
        self._server_stops.append(server.stop)
        self._echo("starting MLflow, which takes longest")
        server.begin()
        self._servers.append(lambda: server.process)
        return server.url, functools.partial(server.wait, self._services.hold)

    def _start_servers(self) -> tuple[tuple[str, str], ObjectServer]:
        """Broker and store side by side."""
        with ThreadPoolExecutor(2) as pool:
            broker, objects = pool.submit(self._start_broker), pool.submit(self._start_store)
            try:
                return broker.result(), objects.result()
            except BaseException:
                # The pool waits for its threads: what they wait for should not come up any more.
                for process in filter(None, [server() for server in self._servers]):
                    process.terminate()
                raise

    def _start_broker(self) -> tuple[str, str]:
        if self._settings.amqp_url is not None:
            return self._settings.amqp_url.get_secret_value(), ""
        folder = self._where.folder / "rabbitmq"
        node = RabbitMQ(folder, ready_rabbitmq(self._settings), environment=self._inherited)
        self._server_stops.append(node.close)
        self._servers.append(lambda: node.process)
        self._echo("starting RabbitMQ")
        node.start()
        return node.amqp_url, node.management_url

    def _start_store(self) -> ObjectServer:
        named = self._settings.object_server()
        if named is not None:
            return named
        store = SeaweedFS(self._where.folder / "seaweedfs", find_weed(), environment=self._inherited)
        self._server_stops.append(store.stop)
        self._servers.append(lambda: store.process)
        self._echo("starting SeaweedFS")
        store.start()
        return store.reach

    def _write_env_file(self, *, token: str) -> None:
        """Where clients find the stack. Services have had theirs, with their folders and secrets, from us."""
        shown = {name: value for name, value in self.variables.items() if not name.endswith(OF_SERVICES)}
        shown |= {"TRUSCORE_GRPC_TOKEN": token, STACK_PROCESS: process_identity(os.getpid())}
        path = self._where.env_file
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(to_env_file(shown))
