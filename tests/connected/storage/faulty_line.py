"""A TCP line to a server that can break: real sockets, cut or bent where a test says."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class FaultyLine:
    """Carries bytes between a local port and a server; faults apply to connections from then on."""

    def __init__(self, host: str, port: int, listen_on: int = 0) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", listen_on))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.cut_after_bytes: list[int] = []  # for each next connection: answer bytes let through before the cut
        self.answer_instead: bytes | None = None
        self.bent: list[tuple[bytes, bytes]] = []  # replaced in what the server answers
        self.requests: list[bytes] = []  # the first word of each request: its method
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.answer_instead is not None:
                client.recv(65536)
                client.sendall(self.answer_instead)
                return
            room = self.cut_after_bytes.pop(0) if self.cut_after_bytes else None
            with socket.create_connection(self._target) as server:
                threading.Thread(target=self._carry, args=(client, server), daemon=True).start()
                self._carry_back(server, client, room)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if data.split(b" ", 1)[0] in {b"GET", b"PUT", b"HEAD", b"POST", b"DELETE"}:
                    self.requests.append(data.split(b" ", 1)[0])
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _carry_back(self, server: socket.socket, client: socket.socket, room: int | None) -> None:
        while data := server.recv(65536):
            for honest, false in self.bent:
                data = data.replace(honest, false)
            if room is not None and len(data) >= room:
                client.sendall(data[:room])
                client.shutdown(socket.SHUT_RDWR)
                return
            room = None if room is None else room - len(data)
            client.sendall(data)


@contextmanager
def faulty_line(host: str, port: int, listen_on: int = 0) -> Iterator[FaultyLine]:
    line = FaultyLine(host, port, listen_on)
    try:
        yield line
    finally:
        line.close()
