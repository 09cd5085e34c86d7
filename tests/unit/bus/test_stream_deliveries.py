"""Deliveries cut out of a connection's bytes are what aiormq and pamqp would have read there."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat
from truscore.bus.deliveries import Delivery, DeliveryReader
from truscore.bus.deliveries.properties import wire_of_frames
from truscore.bus.deliveries.transport import HEARTBEAT

TAG, OTHER_TAG = "stream.mine", "ctag1.another"
TEXT = st.text(max_size=30)
MOMENTS = st.integers(0, 2**32 - 1).map(lambda seconds: datetime.fromtimestamp(seconds, tz=UTC))
HEADERS = st.dictionaries(
    TEXT,
    st.none() | st.booleans() | TEXT | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, width=32)
    | MOMENTS | st.lists(TEXT, max_size=3) | st.dictionaries(TEXT, st.integers(0, 9), max_size=2),
    max_size=6,
)  # fmt: skip
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "content_type": TEXT, "content_encoding": TEXT, "headers": HEADERS, "delivery_mode": st.sampled_from([1, 2]),
        "priority": st.integers(0, 9), "correlation_id": TEXT, "reply_to": TEXT, "expiration": TEXT,
        "message_id": TEXT, "message_type": TEXT, "user_id": TEXT, "app_id": TEXT,
        "timestamp": MOMENTS,
    },
)  # fmt: skip


def frames(channel: int, tag: str, number: int, body: bytes, *, piece: int = 7, **said: Any) -> list[bytes]:
    """One delivery as a broker sends it, its body in pieces."""
    deliver = commands.Basic.Deliver(
        consumer_tag=tag, delivery_tag=number, redelivered=False, exchange="e", routing_key="run.cancel"
    )
    header = ContentHeader(body_size=len(body), properties=commands.Basic.Properties(**said))
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
    return [frame.marshal(each, channel) for each in (deliver, header, *map(ContentBody, pieces))]


class OpenChannel:
    """All that a delivery asks of its channel."""

    is_closed = False


async def read(chunks: Iterable[bytes], *, clock: Iterable[float] | None = None) -> tuple[list[Delivery], bytes]:
    """What is taken of these bytes, and what aiormq gets of them."""
    taken: list[Delivery] = []
    times = iter(clock) if clock is not None else None
    loop = asyncio.get_running_loop()
    reader = DeliveryReader(loop, clock=(lambda: next(times)) if times else lambda: 0.0)
    channel: Any = OpenChannel()
    reader.take(channel, TAG, taken.append)
    for chunk in chunks:
        reader.feed_data(chunk)
    reader.feed_eof()
    return taken, await reader.read()


def payload(whole: bytes) -> bytes:
    return whole[7:-1]


@given(PROPERTIES, st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_properties_are_read_as_pamqp_reads_them(said: dict[str, Any], body: bytes) -> None:
    _, whole, *_ = frames(1, TAG, 1, body, **said)
    header: Any = frame.unmarshal(whole)[2]
    expected, found = header.properties, wire_of_frames(payload(whole), body)
    assert found.body == body
    assert found.headers == (expected.headers or {})
    assert found.type == (expected.message_type or "")
    assert found.timestamp == expected.timestamp
    for name in ("content_type", "content_encoding", "message_id", "correlation_id", "app_id", "user_id"):
        assert getattr(found, name) == (getattr(expected, name) or ""), name


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_deliveries_are_taken_however_the_bytes_come_and_all_else_goes_on_as_it_came(data: st.DataObject) -> None:
    bodies = data.draw(st.lists(st.binary(max_size=40), max_size=6))
    mine = [each for number, body in enumerate(bodies, 1) for each in frames(3, TAG, number, body)]
    others: list[bytes] = [
        *frames(4, OTHER_TAG, 1, b"another's"), *frames(5, OTHER_TAG, 2, b""),
        frame.marshal(commands.Basic.Ack(delivery_tag=7, multiple=True), 4),
    ]  # fmt: skip
    # The frames of one channel keep their order; those of several come between one another.
    order = data.draw(st.permutations([True] * len(mine) + [False] * len(others)))
    mine_left, others_left = iter(mine), iter(others)
    whole = b"".join(next(mine_left if is_mine else others_left) for is_mine in order)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    taken, left = asyncio.run(read(chunks))
    assert [each.wire.body for each in taken] == bodies
    assert [each.tag for each in taken] == list(range(1, len(bodies) + 1))
    assert {each.routing_key for each in taken} <= {"run.cancel"}
    assert left.replace(HEARTBEAT, b"") == b"".join(others)


async def test_what_is_no_frame_and_what_is_cut_off_is_left_for_aiormq_to_be_told_of() -> None:
    assert await read([b"AMQP\x00\x00\x09\x01"]) == ([], b"AMQP\x00\x00\x09\x01")
    first, *_ = frames(3, TAG, 1, b"body")
    without_end = first[:-1] + b"\x00"
    assert await read([without_end]) == ([], without_end)
    assert await read([first[:9]]) == ([], first[:9])


async def test_aiormq_sees_that_a_broker_lives_which_sends_nothing_but_deliveries() -> None:
    chunks = [b"".join(frames(3, TAG, number, b"body")) for number in range(1, 5)]
    taken, left = await read(chunks, clock=[10.0, 10.4, 10.9, 11.1])
    assert len(taken) == 4
    assert left == HEARTBEAT * 2
    assert isinstance(frame.unmarshal(HEARTBEAT)[2], Heartbeat)


@pytest.mark.parametrize("octets", [b"\xff\xfe", b"caf\xe9"])
def test_octets_that_are_no_text_stop_nobody(octets: bytes) -> None:
    """pamqp refuses them, and aiormq closes the connection, which would deliver them again."""
    _, whole, *_ = frames(1, TAG, 1, b"body", correlation_id="x" * len(octets), app_id="me")
    found = wire_of_frames(payload(whole).replace(b"x" * len(octets), octets), b"body")
    assert found.app_id == "me"
    assert "\ufffd" in found.correlation_id


def test_a_moment_beyond_all_calendars_is_left_out() -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    _, whole, *_ = frames(1, TAG, 1, b"body", timestamp=at, app_id="me", headers={"when": at, "list": [at], "after": 1})
    stated = int(at.timestamp()).to_bytes(8)
    found = wire_of_frames(payload(whole).replace(stated, b"\xff" * 8), b"body")
    assert (found.timestamp, found.app_id) == (None, "me")
    assert found.headers == {"when": None, "list": None, "after": 1}
