"""How a process tells of itself: logs, health, metrics, traces, hardware. Knows no event, dataset, run or model."""

from truscore.telemetry.gpus import GpuReading
from truscore.telemetry.hardware import HardwareReading, HardwareSampler
from truscore.telemetry.health import AddToServer, serve_grpc
from truscore.telemetry.logs import configure_logging
from truscore.telemetry.metrics import serve_metrics
from truscore.telemetry.secrets import without_secrets
from truscore.telemetry.traces import tracing

__all__ = [
    "AddToServer",
    "GpuReading",
    "HardwareReading",
    "HardwareSampler",
    "configure_logging",
    "serve_grpc",
    "serve_metrics",
    "tracing",
    "without_secrets",
]
