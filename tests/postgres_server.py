"""A private PostgreSQL server for tests: a folder, a port, and as many schemas as are asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from urllib.parse import quote

import psycopg2
import psycopg2.extensions
from truscore.process.supervised import Started, start_process, wait_until

from deploy.local.servers.ports import LOOPBACK, free_ports

WAIT_S = 120.0
USER = "studio"
# A server refuses to run as root.
UNPRIVILEGED = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []


def is_available() -> bool:
    """Whether this machine has a PostgreSQL to run."""
    return shutil.which("initdb") is not None and shutil.which("postgres") is not None


class PostgresServer:
    """Started at once; `password` is what addresses name, and the server asks nobody for it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="truscore-postgres-", dir="/tmp"))
        self.port, self.password = free_ports(1)[0], f"secret-{uuid.uuid4().hex}"
        if UNPRIVILEGED:
            os.chown(self.folder, 65534, 65534)
        make = ["initdb", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-sync", "-D", str(self._data)]
        subprocess.run([*UNPRIVILEGED, *make], cwd="/tmp", check=True, capture_output=True, timeout=WAIT_S)
        self._process = self._started()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _started(self) -> Started:
        options = ["-h", LOOPBACK, "-p", str(self.port), "-k", str(self.folder), "-c", "fsync=off"]
        process = start_process(
            "postgres", [*UNPRIVILEGED, "postgres", "-D", str(self._data), *options],
            log_path=self.folder.with_suffix(".log"), env=dict(os.environ), cwd=self.folder,
        )  # fmt: skip
        wait_until(process, self._answers, timeout_s=WAIT_S, what="an answer of PostgreSQL")
        return process

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def connect(self) -> psycopg2.extensions.connection:
        found = psycopg2.connect(host=LOOPBACK, port=self.port, user=USER, dbname="postgres", connect_timeout=5)
        found.autocommit = True
        return found

    def execute(self, sql: str) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)

    def new_url(self) -> str:
        """Of a schema that is empty."""
        if not self._process.running:
            raise self._process.failure()
        schema = f"s{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE SCHEMA {schema}")
        options = quote(f"-csearch_path={schema}")
        return f"postgresql://{USER}:{self.password}@{LOOPBACK}:{self.port}/postgres?options={options}"

    def break_connections(self) -> None:
        """All that the studio has."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'truscore-studio'"
        )

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def start(self) -> None:
        """Again, on its data."""
        self._process = self._started()

    def end(self) -> None:
        if self._process.running:
            self._process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.with_suffix(".log").unlink(missing_ok=True)
