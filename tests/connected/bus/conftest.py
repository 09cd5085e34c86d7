"""Buses on a fresh virtual host of our own node, stopped after the test."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from truscore.bus import Bus, connect

MakeBus = Callable[..., Bus]


@pytest.fixture
def url(private_broker: Any) -> str:
    return str(private_broker.amqp_url)


@pytest.fixture
async def make_bus(url: str) -> AsyncIterator[MakeBus]:
    made: list[Bus] = []

    def make(service: str, **options: Any) -> Bus:
        bus = connect(url, service=service, instance=f"i{len(made)}", **options)
        made.append(bus)
        return bus

    yield make
    for bus in made:
        await bus.stop()
