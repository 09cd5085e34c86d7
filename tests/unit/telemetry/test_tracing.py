"""Spans reach a collector that is configured."""

import os
import subprocess
import sys
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

# In a process of its own: OpenTelemetry takes one provider in a process's life.
TRACED = """
import asyncio, sys
from opentelemetry import trace
from truscore.telemetry import tracing

async def main():
    async with tracing("monitor", sys.argv[1]):
        with trace.get_tracer("t").start_as_current_span("reading the log"):
            pass

asyncio.run(main())
"""


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []

    def Export(self, request, context):
        for resource in request.resource_spans:
            service = next(
                item.value.string_value for item in resource.resource.attributes if item.key == "service.name"
            )
            self.spans += [(service, span.name) for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


def test_a_span_arrives_before_the_process_ends() -> None:
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        argv = [sys.executable, "-c", TRACED, f"http://127.0.0.1:{port}"]
        subprocess.run(argv, check=True, timeout=60, env=os.environ)
    finally:
        server.stop(None).wait()
    assert collector.spans == [("monitor", "reading the log")]
