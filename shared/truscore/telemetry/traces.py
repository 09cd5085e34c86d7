"""Traces to an OpenTelemetry collector, where one is configured. Knows spans' way out; knows no span."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry import trace


@asynccontextmanager
async def tracing(service: str, endpoint: str) -> AsyncIterator[None]:
    """Record spans and send them to `endpoint` (OTLP over gRPC, `http://host:4317`) while inside; nothing when empty.

    Without an endpoint events still carry and continue their traceparent. Enter it once in a process's life.
    """
    if not endpoint:
        yield
        return
    # Imported late: 25 MB that a service without a collector need not carry.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https://"))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        await asyncio.to_thread(provider.shutdown)
