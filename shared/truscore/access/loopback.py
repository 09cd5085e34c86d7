"""Whether the other side of a connection is this very machine, or nobody between can read what is sent there."""

import ipaddress
from typing import Final
from urllib.parse import unquote, urlsplit

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback_peer(peer: str) -> bool:
    """Of a peer as gRPC writes it: ipv4:127.0.0.1:4711, ipv6:[::1]:4711 (brackets may be %5B and %5D), unix:…"""
    kind, _, rest = unquote(peer).partition(":")
    return kind == "unix" or (kind in ("ipv4", "ipv6") and _is_loopback(_host(rest)))


def is_loopback_target(address: str) -> bool:
    """Of an address that a channel is opened to: host:port, with or without a resolver's scheme before it."""
    if address.startswith("unix:"):
        return True
    host = _host(address.removeprefix("dns:///").removeprefix("ipv4:").removeprefix("ipv6:"))
    return host.lower() == "localhost" or _is_loopback(host)


def is_private_url(url: str) -> bool:
    """Whether nobody between can read or change what is sent there: https, or this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def check_url(url: str) -> str:
    """The address. ValueError where it is neither over TLS nor on this machine."""
    if is_private_url(url):
        return url
    raise ValueError(f"{url!r} is no https:// address (http:// is accepted on loopback alone)")


def _host(address: str) -> str:
    return address[1:].partition("]")[0] if address.startswith("[") else address.rpartition(":")[0]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
