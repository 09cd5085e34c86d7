"""A real HTTP server of files of weights on this machine, with the faults that real ones have."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True, slots=True)
class WeightsServer:
    """``files`` by path; ``asked`` are the paths that were asked for."""

    address: str
    files: dict[str, bytes]
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[WeightsServer]:
    """Paths under /stalling/ stop after half of the file, under /cut/ they end there; under /unsaid/ the length is not
    told; /moved/ leads to the same path without it, and /astray/ to another protocol."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.lstrip("/").rpartition("/")
            served.asked.append(self.path)
            if kind in ("moved", "astray"):
                self._redirect(f"/{name}" if kind == "moved" else f"ftp://127.0.0.1/{name}")
                return
            content = served.files.get(name)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            if kind != "unsaid":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if kind in ("", "unsaid") else content[: len(content) // 2])
            if kind == "stalling":
                self.wfile.flush()
                over.wait()

        def _redirect(self, address: str) -> None:
            self.send_response(302)
            self.send_header("Location", address)
            self.end_headers()

        def log_message(self, *message: object) -> None:
            """Nothing: what is asked for is in ``asked``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = WeightsServer(address=f"http://127.0.0.1:{server.server_port}", files=dict(files))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
