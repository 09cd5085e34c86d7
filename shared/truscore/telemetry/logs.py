"""Structured logs: one line per entry, JSON or readable, of structlog and of the standard library alike."""

import logging
import sys
from typing import Any, Final, TextIO

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from truscore.telemetry.secrets import hide_named, without_secrets

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Libraries that tell each heartbeat and request at INFO.
TALKATIVE: Final = ("aio_pika", "aiormq", "aiohttp", "faststream", "urllib3", "grpc", "asyncio")


def configure_logging(service: str, *, level: str = "INFO", json: bool = True, stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error), each line with time, level, service and trace.

    Passwords in addresses and values under secret-sounding names are hidden. Call it again to change it.
    """
    if level.upper() not in LEVELS:
        raise ValueError(f"log level {level!r}: accepted are {', '.join(LEVELS)}")
    first = _first_steps(service)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *first, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    last += (
        [structlog.processors.format_exc_info, _hide, structlog.processors.JSONRenderer(default=str)] if json else []
    )
    # Not its own choice where rich is installed: that prints the variables of each frame.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    last += [] if json else [_hide, plain]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Discreet(foreign_pre_chain=first, processors=last))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


class _Discreet(structlog.stdlib.ProcessorFormatter):
    """Looks at the finished line: a password may also hide in a traceback or in a value's representation."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _first_steps(service: str) -> list[Processor]:
    def with_service(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
        return {"service": service, **entry}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        with_service,
        _with_trace,
    ]


def _with_trace(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        entry["trace_id"] = f"{context.trace_id:032x}"
    return entry


def _hide(_logger: WrappedLogger, _method: str, entry: EventDict) -> dict[str, Any]:
    return hide_named(entry)
