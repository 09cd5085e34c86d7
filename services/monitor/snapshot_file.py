"""The board of one moment in a file: written whole or not at all, and believed only where everything about it fits."""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from truscore.files import atomic_write

from services.monitor.board import BoardState
from services.monitor.snapshot_codec import NoSnapshot, decoded, encoded

log = logging.getLogger(__name__)

NAME: Final = "board.snapshot"
FORMAT: Final = 1
MOST_BYTES: Final = 2**30
LEVEL: Final = 1
MANY: Final = ("runs", "orders")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The event of the log that was folded last."""

    offset: int
    event_id: str


def code_version(contract_version: str) -> str:
    """Changes with every change of the monitor's code and of the contract: what another one folded is folded anew."""
    digest = hashlib.sha256(f"{FORMAT} {contract_version}".encode())
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"\n{path.relative_to(folder).as_posix()} {len(content)} ".encode() + content)
    return digest.hexdigest()


def write_snapshot(folder: Path, state: BoardState, place: Place, version: str) -> int:
    """Returns its size in bytes. OSError. A line for each run and order: in one piece it would hold up whatever else
    the process does, for seconds."""
    packing, digest, chunks = zlib.compressobj(LEVEL), hashlib.sha256(), []
    for line in _lines(state):
        chunks.append(packing.compress(line.encode() + b"\n"))
        digest.update(chunks[-1])
    chunks.append(packing.flush())
    digest.update(chunks[-1])
    head = {
        "version": version,
        "offset": place.offset,
        "event_id": place.event_id,
        "sha256": digest.hexdigest(),
    }
    with atomic_write(folder / NAME, one_writer=True) as file:
        file.write(json.dumps(head).encode() + b"\n")
        file.writelines(chunks)
    return sum(map(len, chunks))


def _lines(state: BoardState) -> Iterator[str]:
    rest = {name: encoded(value) for name, value in state.as_mapping().items() if name not in MANY}
    yield _json(rest)
    for name in MANY:
        for key, value in getattr(state, name).items():
            yield _json([name, key, encoded(value)])


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def read_snapshot(folder: Path, version: str) -> tuple[BoardState, Place] | None:
    """None where there is none to be believed: then the log is read from its beginning, and a warning says why."""
    try:
        with (folder / NAME).open("rb") as file:
            head = json.loads(file.readline(4096))
            body = file.read(MOST_BYTES + 1)
        return _checked(head, body, version)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, zlib.error) as error:
        log.warning("the snapshot in %s is passed over, the log is read from its beginning: %s", folder, error)
        return None


def _checked(head: Mapping[str, Any], body: bytes, version: str) -> tuple[BoardState, Place]:
    if head["version"] != version:
        raise NoSnapshot("another version of the monitor or of the contract wrote it")
    if hashlib.sha256(body).hexdigest() != head["sha256"]:
        raise NoSnapshot("it does not have the digest that it says")
    unpacking = zlib.decompressobj()
    first, *lines = unpacking.decompress(body, MOST_BYTES).splitlines()
    if not unpacking.eof:
        raise NoSnapshot(f"it is not whole, or more than {MOST_BYTES} bytes")
    many: dict[str, dict[str, Any]] = {name: {} for name in MANY}
    for line in lines:
        name, key, value = json.loads(line)
        many[name][key] = decoded(value)
    rest = {name: decoded(value) for name, value in json.loads(first).items()}
    return BoardState.of_mapping(rest | many), Place(offset=int(head["offset"]), event_id=str(head["event_id"]))
