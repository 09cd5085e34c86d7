import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from truscore.bus.trace import handling, next_traceparent, valid_traceparent

CAUSE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def test_an_event_continues_the_trace_of_its_cause_as_a_span_of_its_own() -> None:
    stated = next_traceparent(CAUSE)
    assert stated.split("-")[1] == CAUSE.split("-")[1]
    assert stated.split("-")[2] != CAUSE.split("-")[2]
    assert stated.split("-")[3] == "00"


def test_an_event_without_cause_begins_a_trace() -> None:
    one, two = next_traceparent(None), next_traceparent(None)
    assert valid_traceparent(one) == one
    assert one.split("-")[1] != two.split("-")[1]


def test_what_a_handler_publishes_belongs_to_the_trace_of_what_it_consumed() -> None:
    with handling("hear run.cancel", CAUSE):
        assert next_traceparent(None).split("-")[1] == CAUSE.split("-")[1]


def test_a_recorded_span_is_the_one_that_is_named() -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        assert f"{span.get_span_context().span_id:016x}" in next_traceparent(CAUSE)
    assert not otel.get_current_span().is_recording()


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "00-zz",
        CAUSE + "-x",
        "ff" + CAUSE[2:],
        CAUSE.replace("b7ad6b7169203331", "0" * 16),
        "00-" + "0" * 32 + CAUSE[35:],
    ],
)
def test_what_is_no_traceparent_is_none(text: object) -> None:
    assert valid_traceparent(text) is None
