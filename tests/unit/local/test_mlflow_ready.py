"""A server counts as ready once it has answered one call of each kind, made one after another."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.local.servers.mlflow_server import PRELOAD
from deploy.local.servers.programs import REPOSITORY
from deploy.mlflow.ready import CALLS, NotReady, check

TIMEOUT_S = 60
Serve = Callable[[dict[str, tuple[int, str]]], "Server"]


class Server(ThreadingHTTPServer):
    """Answers with what is set for a path, and otherwise with 200; counts calls that overlap."""

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.calls: list[str] = []
        self.busy = threading.Lock()
        self.overlapped = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        alone = self.server.busy.acquire(blocking=False)
        self.server.overlapped |= not alone
        self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        self.server.calls.append(path)
        status, body = self.server.answers.get(path, (200, "{}"))
        self.server.busy.release()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[Server] = []

    def start(answers: dict[str, tuple[int, str]]) -> Server:
        started.append(Server(answers))
        threading.Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def path_of(kind: str) -> str:
    return CALLS[kind][1].partition("?")[0]


def test_each_kind_is_requested_once_and_never_two_at_a_time(serve: Serve) -> None:
    server = serve({})
    check(server.url)
    assert server.calls == [path_of(kind) for kind in CALLS]
    assert not server.overlapped


@pytest.mark.parametrize("kind", list(CALLS))
def test_a_server_that_fails_one_kind_of_call_is_not_ready_and_says_which(serve: Serve, kind: str) -> None:
    body = '{"error_code": "INTERNAL_ERROR", "message": "name \'SqlUserRoleAssignment\' is not defined"}'
    server = serve({path_of(kind): (500, body)})
    with pytest.raises(NotReady, match=f"{kind}: .* answered 500: .*SqlUserRoleAssignment"):
        check(server.url)
    assert server.calls[-1] == path_of(kind)


def test_a_server_whose_first_experiment_was_deleted_is_ready(serve: Serve) -> None:
    server = serve({path_of("experiment by name"): (404, '{"error_code": "RESOURCE_DOES_NOT_EXIST"}')})
    check(server.url)
    assert set(server.calls) == {path_of(kind) for kind in CALLS}


def probe(url: str) -> "subprocess.CompletedProcess[str]":
    """As the container's health check runs it: with nothing but a Python."""
    argv = [sys.executable, "-I", "-S", str(REPOSITORY / "deploy" / "mlflow" / "ready.py"), url]
    return subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def test_the_health_check_needs_only_the_standard_library_and_ends_with_zero_or_one(serve: Serve) -> None:
    ready, broken = probe(serve({}).url), probe(serve({path_of("runs"): (500, "")}).url)
    assert (ready.returncode, broken.returncode) == (0, 1)
    assert "not ready: runs" in broken.stderr
    assert probe("ftp://host").returncode == 1


def test_a_server_can_not_import_the_login_extension_whose_half_imported_models_would_break_it() -> None:
    code = "import sys; print(sys.modules.get('mlflow.server.auth', 'absent'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(PRELOAD)}, capture_output=True, text=True, check=True,
        timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.stdout.strip() == "None"
