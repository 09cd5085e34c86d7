"""Until when the certificates of servers are good."""

import socket
import ssl
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from services.cli.context import Addresses
from services.cli.doctor import TIMEOUT_S, Check

SOON_DAYS: Final = 30
DEFAULT_PORTS: Final = {"amqps": 5671, "https": 443}
DAY_S: Final = 86_400


def certificates(addresses: Addresses) -> Iterator[Check]:
    """One check for each address that says TLS; authorities are those of SSL_CERT_FILE, or the system's."""
    known = {
        "broker": addresses.amqp_url,
        "store": addresses.s3_endpoint,
        "mlflow": addresses.mlflow_url,
        **{name: getattr(addresses, name) for name in ("monitor", "tracker", "validator", "trainer", "exporter")},
        "search": addresses.search,
        "studio": addresses.studio,
    }
    encrypted = {name: url for name, url in known.items() if urlsplit(url).scheme in DEFAULT_PORTS}
    for name, url in encrypted.items():
        yield _certificate(f"{name} certificate", url)
    if not encrypted:
        yield Check(name="certificates", ok=True, found="no address says TLS: connections are plain", grave=False)


def _certificate(name: str, url: str) -> Check:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    try:
        ends = _end_of(host, port)
    except (OSError, ValueError) as error:
        todo = "renew it, or name its authority in SSL_CERT_FILE"
        return Check(name=name, ok=False, found=f"{host}:{port}: {error}", todo=todo)
    days = (ends - time.time()) / DAY_S
    found = f"{host}:{port} until {time.strftime('%Y-%m-%d', time.gmtime(ends))}, {days:.0f} days"
    return Check(name=name, ok=days > SOON_DAYS, found=found, todo="renew it in time", grave=False)


def _end_of(host: str, port: int) -> float:
    """Seconds of Unix time. OSError where no handshake comes about, which an expired one counts as."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])  # gRPC's servers take nobody without
    with (
        socket.create_connection((host, port), TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        shown = encrypted.getpeercert() or {}
    return ssl.cert_time_to_seconds(str(shown["notAfter"]))
