"""A private RabbitMQ node, run as an ordinary user. Knows the broker's processes, folders and virtual hosts."""

import functools
import json
import os
import secrets
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote

from truscore.process.supervised import ProcessFailed, Started, start_process, wait_until

from deploy.local.plain_paths import drop_plain_path, plain_path
from deploy.local.servers.certificates import CertificateFiles
from deploy.local.servers.loopback import RequestRefused, request_json
from deploy.local.servers.ports import LOOPBACK, free_ports, is_listening

START_TIMEOUT_S = 120.0
EPMD_TIMEOUT_S = 20.0
STOP_GRACE_S = 30.0
NODE_NAME = "truscore@localhost"
CONTROL_TIMEOUT_S = 60.0
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
# RabbitMQ 3.10 writes the directory of its quorum queues up to two seconds late. A queue declared just before a
# SIGKILL comes back without what was confirmed into it, and without a leader for good: no election starts in term 0.
SYNC_DIRECTORY = "[dets:sync(Table) || Table <- dets:all()]."
ELECT_LEADERS = """
Names = [element(1, amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(), amqqueue:get_type(Q) == rabbit_quorum_queue],
[ra:trigger_election({Name, node()}) || Name <- Names, ra_leaderboard:lookup_leader(Name) == undefined].
"""
# Where Debian, Ubuntu and the upstream archive put the scripts that run without changing user.
SERVER_PLACES = (Path("/usr/lib/rabbitmq/bin"), Path("/opt/rabbitmq/sbin"), Path("/usr/local/lib/rabbitmq/bin"))
ERLANG_PLACES = (Path("/usr/bin"), Path("/usr/local/bin"), Path("/usr/lib/erlang/bin"))


class RabbitMissing(RuntimeError):
    """No RabbitMQ is installed where we looked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """Where the server's scripts and Erlang's programs are."""

    server: Path
    epmd: Path
    erlang_bin: Path
    #: Where unpacked shared libraries are, when the programs were not installed by the system; else empty.
    library_path: str = ""


def find_rabbitmq(
    *,
    server_places: tuple[Path, ...] = SERVER_PLACES,
    erlang_places: tuple[Path, ...] = ERLANG_PLACES,
    library_path: str = "",
) -> Installation:
    """The installation in the places given; `RabbitMissing` names them when there is none."""
    server = next((place / "rabbitmq-server" for place in server_places if (place / "rabbitmq-server").is_file()), None)
    erlang = next((place for place in erlang_places if (place / "erl").is_file()), None)
    if server is None or erlang is None:
        what = "rabbitmq-server" if server is None else "erl"
        places = ", ".join(map(str, server_places if server is None else erlang_places))
        raise RabbitMissing(f"no {what} in {places}")
    return Installation(server=server, epmd=erlang / "epmd", erlang_bin=erlang, library_path=library_path)


class RabbitMQ:
    """One node with its data in `folder`. It outlives `stop` and `kill` with ports, users and messages as they were."""

    def __init__(
        self,
        folder: Path,
        installation: Installation,
        *,
        environment: Mapping[str, str] | None = None,
        tls: CertificateFiles | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self._installation = installation
        #: What the node inherits; without it, what this process has.
        self._inherited = environment
        self.amqp_port, self.management_port, self._dist_port, self._epmd_port = free_ports(4)
        #: With it AMQP is spoken over TLS alone.
        self._tls = tls
        self.user = "truscore"
        self.password = ""
        self._epmd: Started | None = None
        self._node: Started | None = None

    @property
    def running(self) -> bool:
        return self._node is not None and self._node.running

    @property
    def process(self) -> Started | None:
        """The Erlang machine; None before the first start."""
        return self._node

    @property
    def amqp_url(self) -> str:
        return self.url_of("/")

    @property
    def management_url(self) -> str:
        return f"http://{LOOPBACK}:{self.management_port}"

    def url_of(self, vhost: str) -> str:
        """The AMQP address of a virtual host, user and password within."""
        scheme = "amqp" if self._tls is None else "amqps"
        return f"{scheme}://{self.user}:{self.password}@{LOOPBACK}:{self.amqp_port}/{quote(vhost, safe='')}"

    def start(self) -> None:
        """Start the node, or start it again on its data; returns when it answers."""
        if self.running:
            return
        self._lay_out()
        if self._epmd is None or not self._epmd.running:
            self._epmd = self._start_epmd()
        ended_suddenly = self._alive_mark.exists()
        self._node = start_process(
            "rabbitmq",
            [self._installation.server],
            log_path=self.folder / "log" / "console.log",
            env=self._environment(),
            cwd=self.folder,
        )
        wait_until(self._node, self._answers, timeout_s=START_TIMEOUT_S, what="an answer on AMQP and HTTP")
        self._alive_mark.touch()
        if ended_suddenly:
            self.control("eval", ELECT_LEADERS)

    def stop(self) -> None:
        """Shut the node down in order."""
        if self._node is not None and self._node.terminate(STOP_GRACE_S):
            self._alive_mark.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL the node, as a power cut would."""
        if self._node is not None:
            self._node.kill()

    def settle(self) -> None:
        """Have the queues declared so far on disk, so that they survive even a `kill` right after."""
        self.control("eval", SYNC_DIRECTORY)

    def close(self) -> None:
        """End the node and its name server."""
        self.stop()
        if self._epmd is not None:
            self._epmd.terminate()
        drop_plain_path(self.folder)

    def manage(self, method: str, path: str, body: object = None) -> object:
        """One call of the management API, such as `GET /api/queues`."""
        return request_json(self.management_port, method, path, body=body, login=(self.user, self.password))

    def add_vhost(self, vhost: str) -> str:
        """Make a virtual host that our user may use; returns its address."""
        name = quote(vhost, safe="")
        self.manage("PUT", f"/api/vhosts/{name}", {})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.manage("PUT", f"/api/permissions/{name}/{self.user}", everything)
        return self.url_of(vhost)

    def drop_vhost(self, vhost: str) -> None:
        """Remove a virtual host with its queues; one that is gone already is fine."""
        try:
            self.manage("DELETE", f"/api/vhosts/{quote(vhost, safe='')}")
        except RequestRefused as refusal:
            if refusal.status != 404:
                raise

    @property
    def _alive_mark(self) -> Path:
        """Lies in the folder from a start to the next orderly stop."""
        return self.folder / "running"

    def control(self, *arguments: str) -> None:
        """One command of `rabbitmqctl`. ProcessFailed, with what it wrote, where it fails."""
        program = self._installation.server.with_name("rabbitmqctl")
        control = start_process(
            "rabbitmqctl", [program, *arguments], log_path=self.folder / "log" / "control.log", env=self._environment()
        )
        if control.wait(CONTROL_TIMEOUT_S) != 0:
            raise ProcessFailed(f"rabbitmqctl {arguments[0]} ended with code {control.exit_code}\n{control.tail()}")

    def _start_epmd(self) -> Started:
        epmd = start_process(
            "epmd",
            [self._installation.epmd, "-port", str(self._epmd_port), "-address", LOOPBACK],
            log_path=self.folder / "log" / "epmd.log",
            env=self._environment(),
        )
        wait_until(epmd, functools.partial(is_listening, self._epmd_port), timeout_s=EPMD_TIMEOUT_S, what="a listener")
        return epmd

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.amqp_port), timeout=5) as plain, self._secured(plain) as peer:
                peer.sendall(PROTOCOL_HEADER)
                if not peer.recv(1):
                    return False
            self.manage("GET", "/api/whoami")
        except (OSError, RequestRefused, HTTPException):
            return False
        return True

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._tls is None:
            return plain
        context = ssl.create_default_context(cafile=str(self._tls.authority))
        return context.wrap_socket(plain, server_hostname=LOOPBACK)

    def _lay_out(self) -> None:
        for name in ("log", "data", "schema", "generated"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.password = self._remembered("password")
        self._write_private(".erlang.cookie", self._remembered("cookie"), mode=0o400)
        self._write_private("enabled_plugins", "[rabbitmq_management].\n")
        self._write_private("rabbitmq-env.conf", "")
        self._write_private("rabbitmq.conf", self._configuration())

    def _remembered(self, name: str) -> str:
        """A secret of this folder: made once, kept beside the data that was made with it."""
        path = self.folder / "secrets.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in known:
            known[name] = secrets.token_hex(20)
            self._write_private("secrets.json", json.dumps(known))
        return known[name]

    def _write_private(self, name: str, text: str, mode: int = 0o600) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        path.chmod(mode)

    def _configuration(self) -> str:
        return "\n".join(
            (
                *self._listener(),
                f"management.tcp.ip = {LOOPBACK}",
                f"management.tcp.port = {self.management_port}",
                f"default_user = {self.user}",
                f"default_pass = {self.password}",
                # As deploy/rabbitmq/rabbitmq.conf: a training run holds its delivery until it ends.
                "consumer_timeout = 259200000",
                "max_message_size = 1048576",
                "disk_free_limit.absolute = 256MB",
                "log.console = true",
                "log.console.level = info",
                "",
            )
        )

    def _listener(self) -> tuple[str, ...]:
        if self._tls is None:
            return (f"listeners.tcp.local = {LOOPBACK}:{self.amqp_port}",)
        return (
            "listeners.tcp = none",
            f"listeners.ssl.local = {LOOPBACK}:{self.amqp_port}",
            f"ssl_options.cacertfile = {self._tls.authority}",
            f"ssl_options.certfile = {self._tls.certificate}",
            f"ssl_options.keyfile = {self._tls.key}",
            "ssl_options.versions.1 = tlsv1.3",
            "ssl_options.versions.2 = tlsv1.2",
        )

    def _environment(self) -> dict[str, str]:
        """The inherited environment would point a system's own node at our data, so nothing of RabbitMQ's is kept."""
        libraries = self._installation.library_path
        given = os.environ if self._inherited is None else self._inherited
        inherited = {name: value for name, value in given.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        # The start scripts split paths at blanks.
        folder = plain_path(self.folder)
        unpacked = {"LD_LIBRARY_PATH": libraries} if libraries else {}
        return (
            inherited
            | unpacked
            | {
                "PATH": f"{self._installation.erlang_bin}:{inherited.get('PATH', os.defpath)}",
                "HOME": str(folder),
                "ERL_EPMD_PORT": str(self._epmd_port),
                "ERL_EPMD_ADDRESS": LOOPBACK,
                "RABBITMQ_NODENAME": NODE_NAME,
                "RABBITMQ_NODE_PORT": str(self.amqp_port),
                "RABBITMQ_DIST_PORT": str(self._dist_port),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
                "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
                "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
                "RABBITMQ_MNESIA_BASE": str(folder / "data"),
                "RABBITMQ_LOG_BASE": str(folder / "log"),
                "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
                "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
                # The start script then becomes the Erlang machine itself, so a signal to our child reaches the broker.
                "RUNNING_UNDER_SYSTEMD": "true",
            }
        )
