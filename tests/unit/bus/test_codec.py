from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.bus import Envelope, Undecodable, event_id
from truscore.bus.codec import MAX_BODY_BYTES, Wire, decode, encode
from truscore.bus.topology import row_of
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady

NOW = datetime(2025, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
ROW = row_of(DatasetReady)
READY = DatasetReady(dataset_id="cards", version="7", uri="s3://b/p/")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ENVELOPE = Envelope(
    event_id="0d5a1c1e-6a53-5d0b-9d5a-1d8a3c7b2e41",
    type=ROW.type_name,
    source="truscore/studio",
    subject="cards/7",
    time=NOW,
    correlation_id="cards/7",
    traceparent=TRACE,
    delivery=1,
)


def bare(body: bytes = READY.SerializeToString(), headers: Mapping[str, Any] = {}, **properties: Any) -> Wire:
    return Wire(body=body, headers=headers, **properties)


def test_what_was_encoded_is_decoded() -> None:
    assert decode(encode(READY, ENVELOPE), ROW, received=NOW) == (READY, ENVELOPE)


@given(st.text(), st.text(min_size=1), st.binary(max_size=40))
@settings(max_examples=40)
def test_any_order_survives_the_wire(dataset_id: str, uri: str, noise: bytes) -> None:
    event = DatasetReady(dataset_id=dataset_id, uri=uri, class_names=[noise.hex()])
    decoded, _ = decode(encode(event, ENVELOPE), ROW, received=NOW)
    assert decoded == event


@given(st.binary(max_size=200))
@settings(max_examples=150)
def test_any_bytes_make_an_event_or_are_refused_with_a_reason(body: bytes) -> None:
    stated = ""
    try:
        event, _ = decode(bare(body), ROW, received=NOW)
        stated = str(event)
    except Undecodable as refusal:
        stated = str(refusal)
    assert stated


def test_a_body_and_nothing_else_is_an_event_of_its_queue() -> None:
    event, envelope = decode(bare(), ROW, received=NOW)
    assert event == READY
    assert (envelope.type, envelope.source, envelope.subject) == (ROW.type_name, "upstream", "cards/7")
    assert (envelope.time, envelope.correlation_id, envelope.traceparent) == (NOW, "cards/7", None)


def test_the_same_bare_body_is_the_same_event() -> None:
    one, two = (decode(bare(), ROW, received=NOW)[1].event_id for _ in range(2))
    other = decode(bare(DatasetReady(dataset_id="cards", version="8").SerializeToString()), ROW, received=NOW)[1]
    assert one == two != other.event_id


def test_properties_of_amqp_fill_in_what_cloudevents_leave_out() -> None:
    wire = bare(message_id="m1", correlation_id="c1", app_id="rig-4", timestamp=NOW - timedelta(hours=1))
    _, envelope = decode(wire, ROW, received=NOW)
    assert (envelope.event_id, envelope.correlation_id, envelope.source) == ("m1", "c1", "rig-4")
    assert envelope.time == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    "content_type", ["", "application/protobuf", "application/x-protobuf; proto=x", "Application/Protobuf"]
)
def test_the_usual_names_of_protobuf_are_accepted(content_type: str) -> None:
    assert decode(bare(content_type=content_type), ROW, received=NOW)[0] == READY


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "truscore.events.v1.RunCancel"}, r"wrong type: type is 'truscore\.events\.v1\.RunCancel'"),
        ({"type": "DatasetReady"}, r"'dataset\.ready' carries 'truscore\.events\.v1\.DatasetReady'"),
        ({"headers": {"cloudEvents_type": "other"}}, r"wrong type: cloudEvents_type is 'other'"),
        ({"content_type": "application/json"}, r"'application/json'; accepted are application/octet-stream"),
        ({"content_encoding": "gzip"}, r"content_encoding is 'gzip'"),
        ({"body": b"\xff\xff\xff"}, r"the 3 bytes of the body are no truscore\.events\.v1\.DatasetReady"),
        ({"body": b""}, r"the 0 bytes of the body set no field"),
        ({"body": b"\x00" * (MAX_BODY_BYTES + 1)}, r"1048577 bytes; at most 1048576"),
        ({"headers": {"cloudEvents_specversion": "0.3"}}, r"specversion is '0\.3'; accepted is '1\.0'"),
        ({"headers": {"cloudEvents_specversion": "1.0", "cloudEvents_id": "x"}}, r"lacks cloudEvents_source, cloudEv"),
        ({"headers": {"cloudEvents_subject": "s" * 1025}}, r"cloudEvents_subject is longer than 1024"),
    ],
)
def test_what_is_written_wrong_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Undecodable, match=reason):
        decode(replace(bare(), **changes), ROW, received=NOW)


@pytest.mark.parametrize(
    "time",
    [NOW, 1735787045678, "2025-01-02T03:04:05.678Z", NOW.astimezone(timezone(timedelta(hours=2))).isoformat()],
)
def test_time_is_read_as_amqp_timestamp_as_milliseconds_and_as_text(time: Any) -> None:
    assert decode(bare(headers={"cloudEvents_time": time}), ROW, received=NOW)[1].time == NOW


@pytest.mark.parametrize("time", ["yesterday", -(10**18), None, [1]])
def test_a_time_that_is_none_is_no_reason_to_refuse(time: Any) -> None:
    assert decode(bare(headers={"cloudEvents_time": time}), ROW, received=NOW)[1].time == NOW


def test_the_colon_form_of_the_headers_is_read_too() -> None:
    assert decode(bare(headers={"cloudEvents:source": "rig"}), ROW, received=NOW)[1].source == "rig"


def test_retries_and_redeliveries_count_as_deliveries() -> None:
    wire = bare(headers={"truscore-retries": 2, "x-delivery-count": 3})
    assert decode(wire, ROW, received=NOW)[1].delivery == 6


def test_a_broken_trace_is_left_out() -> None:
    assert decode(bare(headers={"traceparent": "00-zz"}), ROW, received=NOW)[1].traceparent is None


def test_an_event_too_large_for_the_wire_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match=r"RunCancel about 'run-1' has \d+ bytes, at most 1048576"):
        encode(RunCancel(reason="x" * MAX_BODY_BYTES), replace(ENVELOPE, type="RunCancel", subject="run-1"))


parts = st.text(max_size=8)


@given(st.tuples(parts, parts, parts, parts), st.tuples(parts, parts, parts, parts))
@settings(max_examples=100)
def test_event_ids_are_equal_exactly_when_their_parts_are(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    ids = [event_id(source=a, subject=b, type_name=c, sequence=d) for a, b, c, d in (one, two)]
    assert (ids[0] == ids[1]) == (one == two)


def test_event_ids_are_for_ever() -> None:
    stated = event_id(source="truscore/trainer", subject="run-1", type_name="truscore.events.v1.RunCancel", sequence=3)
    assert stated == "82306c71-d8a7-523f-a4c4-12bdf4dd11e9"
