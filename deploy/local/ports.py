"""Free loopback ports. Knows sockets; knows nothing of who will listen on them."""

import random
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
# Below the range that Linux hands to outgoing connections (32768-60999): no client can take the port in between.
LOWEST_PORT = 20_000
HIGHEST_PORT = 32_000
TRIES_PER_PORT = 200


class NoFreePort(RuntimeError):
    """No port of the range could be bound."""


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports that nobody listens on now; held together while they are chosen."""
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
        return port
    raise NoFreePort(f"no free port on {LOOPBACK} in {LOWEST_PORT}..{HIGHEST_PORT} after {TRIES_PER_PORT} tries")


def is_listening(port: int, *, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s):
            return True
    except OSError:
        return False
