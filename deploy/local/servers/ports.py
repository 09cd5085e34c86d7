"""Free loopback ports. Knows sockets; knows nothing of who will listen on them."""

import random
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
# Below the range that Linux hands to outgoing connections (32768-60999): no client can take the port in between.
LOWEST_PORT = 20_000
HIGHEST_PORT = 32_000
TRIES_PER_PORT = 200
# A server may bind its port long after it was chosen: until this process ends, no other stack or test may choose it.
# A name in Linux's abstract namespace leaves no file, and goes with the process that holds it.
_RESERVATIONS: list[socket.socket] = []


class NoFreePort(RuntimeError):
    """No port of the range could be bound."""


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports that nobody listens on, and that no other process is given while this one runs."""
    with ExitStack() as held:
        return [_bind_any(held) for _ in range(count)]


def _bind_any(held: ExitStack) -> int:
    for _ in range(TRIES_PER_PORT):
        port = random.SystemRandom().randint(LOWEST_PORT, HIGHEST_PORT)
        listener = held.enter_context(socket.socket())
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            continue
        if _reserved(port):
            return port
    raise NoFreePort(f"no free port on {LOOPBACK} in {LOWEST_PORT}..{HIGHEST_PORT} after {TRIES_PER_PORT} tries")


def _reserved(port: int) -> bool:
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(f"\0truscore-port-{port}")
    except OSError:
        reservation.close()
        return False
    _RESERVATIONS.append(reservation)
    return True


def is_listening(port: int, *, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s):
            return True
    except OSError:
        return False
