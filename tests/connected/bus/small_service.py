"""A service of a few lines, run as a process by the tests: consumes RunCancel slowly and writes down what it did."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from truscore.bus import Envelope, connect, consume, serve
from truscore.events.v1.control_pb2 import RunCancel


def note(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def handle(event: RunCancel, _: Envelope) -> None:
    note(f"took {event.run_id}")
    await asyncio.sleep(1)
    note(f"done {event.run_id}")


@asynccontextmanager
async def context(name: str) -> AsyncIterator[None]:
    note(f"enter {name}")
    yield
    note(f"leave {name}")


async def drain() -> None:
    note("drain")


async def main() -> int:
    bus = connect(sys.argv[1], service="trainer", retry_for_s=1)
    consume(bus, RunCancel, handle, service="trainer")
    return await serve(bus, before=[context("health")], on_start=[context("work")], drain=drain)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
