"""Run a command where every address is this machine's, and say whom it wanted to reach and what it left behind.

`unshare --net --mount python isolated_network.py REPORT KEPT… -- COMMAND…`. Every address leads to the loopback device,
where nobody listens: whoever tries to reach another machine is refused, and seen. Temporary folders are empty ones of
the command's own; KEPT folders that lie in them stay visible. The clone can only be read.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
ASIDE = Path("/mnt")
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
RTM_NEWROUTE, REQUEST_ACK_CREATE_EXCL = 24, 0x605
LOCAL_TABLE, BOOT, LINK_SCOPE, UNIVERSE, RTN_LOCAL, RTA_OIF = 255, 3, 254, 0, 2, 4
ALL_PROTOCOLS, SO_ATTACH_FILTER = 0x0003, 26
SYN, SYN_ACK, NAME_SERVICE = 0x02, 0x12, 53
# Classic BPF over the IP packet: what goes to 127.0.0.0/8 or ::1 is dropped, everything else is kept.
LOAD_BYTE, LOAD_WORD, AND, EQUAL, RETURN = 0x30, 0x20, 0x54, 0x15, 0x06
FILTER = (
    (LOAD_BYTE, 0, 0, 0), (AND, 0, 0, 0xF0), (EQUAL, 0, 2, 0x40),
    (LOAD_BYTE, 0, 0, 16), (EQUAL, 9, 8, 127),
    (LOAD_WORD, 0, 0, 24), (EQUAL, 0, 6, 0), (LOAD_WORD, 0, 0, 28), (EQUAL, 0, 4, 0),
    (LOAD_WORD, 0, 0, 32), (EQUAL, 0, 2, 0), (LOAD_WORD, 0, 0, 36), (EQUAL, 1, 0, 1),
    (RETURN, 0, 0, 0xFFFF), (RETURN, 0, 0, 0),
)  # fmt: skip


def raise_loopback() -> int:
    """Bring the loopback device up; returns its index."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
    return socket.if_nametoindex("lo")


def lead_everything_to(device: int) -> None:
    """Make every address one of this machine's own."""
    for family, scope in ((socket.AF_INET, LINK_SCOPE), (socket.AF_INET6, UNIVERSE)):
        route = struct.pack("BBBBBBBBI", family, 0, 0, 0, LOCAL_TABLE, BOOT, scope, RTN_LOCAL, 0)
        route += struct.pack("HHI", 8, RTA_OIF, device)
        header = struct.pack("IHHII", 16 + len(route), RTM_NEWROUTE, REQUEST_ACK_CREATE_EXCL, 1, 0)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.send(header + route)
            error = struct.unpack_from("i", netlink.recv(4096), 16)[0]
        if error and family == socket.AF_INET:
            raise OSError(-error, "no route to this machine for every address")


def packets_elsewhere() -> socket.socket:
    """Receives each packet that goes to another address than loopback's."""
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in FILTER))
    # struct sock_fprog: how many instructions, and where they are.
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(FILTER), ctypes.addressof(program)))
    listener.bind(("lo", ALL_PROTOCOLS))
    return listener


def destination(packet: bytes) -> str:
    """Whom a packet asks for something: address and port, and the name where it asks a name server; empty otherwise."""
    family, offset, length = (socket.AF_INET, 16, 4) if packet[0] >> 4 == 4 else (socket.AF_INET6, 24, 16)
    protocol = packet[9] if family == socket.AF_INET else packet[6]
    content = packet[(packet[0] & 15) * 4 if family == socket.AF_INET else 40 :]
    if protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        return ""  # what the kernel answers by itself
    if protocol == socket.IPPROTO_TCP and content[13] & SYN_ACK != SYN:
        return ""
    port = struct.unpack_from("!H", content, 2)[0]
    found = f"{socket.inet_ntop(family, packet[offset : offset + length])}:{port}"
    return f"{found} {queried_name(content[20:])}" if port == NAME_SERVICE else found


def queried_name(question: bytes) -> str:
    """The name in a question to a name server, which follows its header of 12 bytes."""
    parts = []
    while question and (length := question[0]):
        parts.append(question[1 : 1 + length].decode(errors="replace"))
        question = question[1 + length :]
    return ".".join(parts)


def give_own_folders(kept: list[Path]) -> None:
    """Empty temporary folders, with the kept ones back in their places, and a name server that is elsewhere."""
    for number, folder in enumerate(kept):
        (aside := ASIDE / str(number)).mkdir(parents=True, exist_ok=True)
        mount("--bind", folder, aside)
    for folder in TEMPORARY:
        mount("-t", "tmpfs", "tmpfs", folder)
    for number, folder in enumerate(kept):
        folder.mkdir(parents=True, exist_ok=True)
        mount("--bind", ASIDE / str(number), folder)
    mount("--bind", CLONE, CLONE)
    mount("-o", "remount,bind,ro", CLONE)
    (resolver := Path(TEMPORARY[0]) / "resolv.conf").write_text("nameserver 192.0.2.53\n")
    mount("--bind", resolver, Path("/etc/resolv.conf").resolve())
    resolver.unlink()


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, timeout=30)


def left_behind(kept: list[Path]) -> list[str]:
    """What lies in the temporary folders by now, but for the kept folders and the way to them."""
    ways = {parent for folder in kept for parent in (folder, *folder.parents)}
    found = [path for folder in TEMPORARY for path in Path(folder).rglob("*")]
    return [str(path) for path in found if path not in ways and not any(folder in path.parents for folder in kept)]


def main() -> None:
    split = sys.argv.index("--")
    report, kept, command = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:split]], sys.argv[split + 1 :]
    mount("-t", "tmpfs", "tmpfs", ASIDE)
    give_own_folders(kept)
    lead_everything_to(raise_loopback())
    listener = packets_elsewhere()
    wanted: set[str] = set()

    def listen() -> None:
        while True:
            if requested := destination(listener.recv(65536)):
                wanted.add(requested)

    threading.Thread(target=listen, daemon=True).start()
    code = subprocess.run(command, check=False, env=dict(os.environ)).returncode
    report.write_text(json.dumps({"code": code, "wanted": sorted(wanted), "left": left_behind(kept)}))


if __name__ == "__main__":
    main()
