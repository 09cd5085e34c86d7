"""The event log beside the store: how far back it reaches, clocks of publishers, and objects that events name."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from truscore.bus import BusError
from truscore.bus.topology import LOG_AGE, LOG_BYTES
from truscore.storage import S3Store, StoreError

from services.cli.context import Addresses
from services.cli.deep_checks.clocks import NOTED_S
from services.cli.doctor import TIMEOUT_S, Check
from services.cli.handlers.event_log import LogReading, NamedObject, read_log

READING_S: Final = 60.0
AT_ONCE: Final = 8
MOST_OBJECTS: Final = 20_000
SHOWN: Final = 5


def events_and_objects(addresses: Addresses, *, since: datetime) -> Iterator[Check]:
    """What the log of the time since says, and whether the store has what it names."""
    try:
        log = read_log(addresses.amqp_url, since=since, deadline_s=READING_S)
    except BusError as error:
        todo = "let this user read truscore.log, as the definitions of `python -m deploy.rabbitmq.definitions` do"
        yield Check(name="event log", ok=False, found=str(error), todo=todo, grave=False)
        return
    yield _reach(log)
    yield _ahead(log)
    store = S3Store(addresses.s3_endpoint, addresses.s3_access_key, addresses.s3_secret_key, timeout_s=TIMEOUT_S)
    yield objects_check(store, log)


def _reach(log: LogReading) -> Check:
    found = f"{log.events} events read" if log.complete else f"{log.events} events read, and the end was not reached"
    oldest = f", the oldest in the log of {log.oldest:%Y-%m-%d}" if log.oldest else ""
    kept = f"; it keeps {LOG_AGE} or {LOG_BYTES >> 30} GiB"
    todo = "name fewer --days: what follows holds for the events that were read"
    return Check(name="event log", ok=log.complete, found=found + oldest + kept, todo=todo, grave=False)


def _ahead(log: LogReading) -> Check:
    ahead = {source: seconds for source, seconds in log.ahead_s.items() if seconds > NOTED_S}
    found = ", ".join(f"{source} is {seconds:.0f} s ahead" for source, seconds in sorted(ahead.items()))
    todo = "keep their clocks by NTP: their events are said to be of the future"
    return Check(
        name="publishers' clocks", ok=not ahead, found=found or "no event is of the future", todo=todo, grave=False
    )


def objects_check(store: S3Store, log: LogReading) -> Check:
    """Whether each object that an event names is there, with its size and SHA-256. What a policy deleted since is left
    out; of objects that the store has no digest of, the content is read."""
    named = [each for each in log.objects if not each.uri.startswith(log.deleted)][-MOST_OBJECTS:]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(partial(_amiss, store), named))
    wrong = [answer for answer in answers if answer]
    found = f"{len(named) - len(wrong)} of {len(named)} objects that events name are there, as they say"
    return Check(
        name="objects", ok=not wrong, found="; ".join([found, *_some(wrong)]), todo="restore them from a backup"
    )


def _amiss(store: S3Store, named: NamedObject) -> str:
    """Empty where the object is as the event says."""
    try:
        entry = store.stat(named.uri)
        if entry is None:
            return f"{named.uri} is missing ({named.event} of {named.at:%Y-%m-%d %H:%M})"
        if named.size_bytes and entry.size_bytes != named.size_bytes:
            return f"{named.uri} has {entry.size_bytes} bytes, {named.event} says {named.size_bytes}"
        digest = entry.sha256 or _digest(store, named.uri)
    except StoreError as error:
        return f"{named.uri} was not looked at: {error}"
    return "" if digest == named.sha256 else f"{named.uri} has SHA-256 {digest}, {named.event} says {named.sha256}"


def _digest(store: S3Store, uri: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object"
        store.get_file(uri, path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _some(lines: Iterable[str]) -> list[str]:
    listed = list(lines)
    return listed[:SHOWN] + ([f"and {len(listed) - SHOWN} more"] if len(listed) > SHOWN else [])
