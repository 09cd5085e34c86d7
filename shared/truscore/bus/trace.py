"""W3C trace context: an event continues the trace of what caused it. Knows no broker."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_TRACEPARENT: Final = re.compile(r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}")

NO_TRACE: Final = 32 * "0"
NO_SPAN: Final = 16 * "0"


def valid_traceparent(text: object) -> str | None:
    """The text where it is a traceparent, else None: a broken trace is no reason to refuse an event."""
    match = _TRACEPARENT.fullmatch(text) if isinstance(text, str) else None
    if match is None or match["version"] == "ff" or match["trace"] == NO_TRACE or match["span"] == NO_SPAN:
        return None
    return match[0]


def next_traceparent(cause: str | None) -> str:
    """Traceparent for a new event: of the span that is recorded, else a child of the cause's, else a new trace."""
    span = trace.get_current_span()
    context = span.get_span_context()
    if span.is_recording():
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
    if (parent := valid_traceparent(cause)) is not None:
        _, trace_id, _, flags = parent.split("-")
        return f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"
    if context.is_valid:
        return f"00-{context.trace_id:032x}-{secrets.token_hex(8)}-{int(context.trace_flags):02x}"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


@contextmanager
def handling(name: str, traceparent: str | None) -> Iterator[None]:
    """A span around the handling of an event, child of the span that published it."""
    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent} if traceparent else {})
    tracer = trace.get_tracer("truscore.bus")
    with tracer.start_as_current_span(name, context=parent, kind=trace.SpanKind.CONSUMER):
        yield
