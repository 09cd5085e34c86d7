from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.amqp import AMQPMessage, from_binary
from cloudevents.core.v1.event import CloudEvent
from truscore.bus import TOPOLOGY, OutgoingEvent
from truscore.bus.codec import encode
from truscore.bus.publisher import address
from truscore.bus.topology import Row

from tests.contract.golden import specimen

NOW = datetime(2025, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)


class Protobuf:
    """The package's idea of a format; the data stay the bytes that they are."""

    def read_data(self, data: bytes, content_type: str | None) -> Any:
        assert content_type == "application/protobuf"
        return data


@pytest.mark.parametrize("row", TOPOLOGY, ids=lambda row: row.routing_key)
def test_the_cloudevents_package_reads_what_we_say(row: Row) -> None:
    message = specimen(row.message)
    envelope = address(OutgoingEvent(event=message, subject="run-1", sequence=7), source="truscore/trainer", now=NOW)
    wire = encode(message, envelope)
    event = from_binary(
        AMQPMessage(
            properties={"content-type": wire.content_type},
            application_properties={name: value for name, value in wire.headers.items() if name.startswith("cloudEv")},
            application_data=wire.body,
        ),
        Protobuf(),  # type: ignore[arg-type]  # only what reading binary mode needs
        CloudEvent,
    )
    assert event.get_id() == envelope.event_id == wire.message_id
    assert event.get_source() == "truscore/trainer"
    assert event.get_type() == row.type_name == wire.type
    assert event.get_subject() == "run-1"
    assert event.get_time() == NOW
    assert event.get_data() == message.SerializeToString(deterministic=True)
