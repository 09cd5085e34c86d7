"""A real HTTP server of files of weights on this machine, with the faults that real ones have."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(kw_only=True, slots=True)
class WeightsServer:
    """``files`` by path; ``asked`` are the paths that were asked for."""

    address: str
    files: dict[str, bytes]
    requested: list[str] = field(default_factory=list)


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[WeightsServer]:
    """Paths under /stalling/ stop after half of the file, under /cut/ they end there; under /unsaid/ the length is not
    told; /moved/ leads to the same path without it, /leading/ too on a page without an end, /astray/ to another
    protocol, /beyond/ to a port there is none of and /circle/ to itself; before /beginning/ and after /trailing/
    headers have no end."""
    over = threading.Event()
    whither = {
        "moved": "/", "leading": "/", "circle": "/circle/", "astray": "ftp://127.0.0.1/signed?key=", "beyond": "http://127.0.0.1:99999999999999999999/",
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = urlsplit(self.path).path.lstrip("/").rpartition("/")
            served.requested.append(self.path)
            if kind in whither:
                self._redirect(whither[kind] + name)
                if kind == "leading":
                    self._go_on(b"moved" * 1000)
                return
            if kind == "beginning":
                self._go_on(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
                return
            content = served.files.get(name)
            if content is None:
                self.send_error(404)
                return
            if kind == "trailing":
                head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                self.wfile.write(head + b"%x\r\n%b\r\n0\r\n" % (len(content), content))
                self._go_on(b"more: and more\r\n" * 100)
                return
            self.send_response(200)
            if kind != "unsaid":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if kind in ("", "unsaid") else content[: len(content) // 2])
            if kind == "stalling":
                self.wfile.flush()
                over.wait()

        def _go_on(self, content: bytes) -> None:
            """Until nobody listens."""
            with suppress(ConnectionError):
                while not over.is_set():
                    self.wfile.write(content)

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
