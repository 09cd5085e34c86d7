"""Hosts on one machine: network namespaces with names and addresses of their own, on one bridge."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NETWORK = "10.231.77"


def why_not() -> str:
    """Why this machine can have no such hosts; empty where it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "unshare") if shutil.which(name) is None]
    if missing:
        return f"this machine has no {missing[0]}"
    probe = f"ts-probe-{uuid.uuid4().hex[:6]}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "delete", probe], capture_output=True, check=False)
    return f"ip netns add: {made.stderr.strip()}" if made.returncode else ""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """One of them."""

    name: str
    address: str
    wire: str  # the bridge's end of its cable

    def start(self, command: Sequence[str], output: Path) -> "subprocess.Popen[bytes]":
        """The command on this host; its session is its own."""
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name, *command]
        environment = {**os.environ, "GLOO_SOCKET_IFNAME": "eth0", "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
        with output.open("ab") as log:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.name, *named], stdout=log, stderr=log, env=environment,
                start_new_session=True,
            )  # fmt: skip

    def cut_off(self) -> None:
        """Pull the cable: nothing is closed, nothing is refused, nothing arrives."""
        ip("link", "set", self.wire, "down")


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many, until the end of the block."""
    tag = uuid.uuid4().hex[:5]
    bridge, made = f"br{tag}", []
    ip("link", "add", bridge, "type", "bridge")
    try:
        ip("link", "set", bridge, "up")
        for number in range(1, count + 1):
            host = Host(name=f"h{number}-{tag}", address=f"{NETWORK}.{number}", wire=f"w{number}{tag}")
            ip("netns", "add", host.name)
            made.append(host)
            ip("link", "add", host.wire, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            ip("link", "set", host.wire, "master", bridge, "up")
            ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            ip("-n", host.name, "link", "set", "eth0", "up")
            ip("-n", host.name, "link", "set", "lo", "up")
        yield made
    finally:
        for host in made:
            ip("netns", "delete", host.name)
        ip("link", "delete", bridge)
