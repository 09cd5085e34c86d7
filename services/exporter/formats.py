"""Which formats can be made, and which of an order's formats are refused."""

from collections.abc import Sequence

from services.exporter.release import Refusal

ACCEPTED_FORMATS = ("onnx",)
DEFAULT_FORMATS = ("onnx",)


def choose_formats(ordered: Sequence[str]) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Accepted formats in the order they were asked for, and a refusal for every other one."""
    wanted = tuple(dict.fromkeys(ordered)) or DEFAULT_FORMATS
    accepted = tuple(name for name in wanted if name in ACCEPTED_FORMATS)
    return accepted, tuple(_refuse(name) for name in wanted if name not in ACCEPTED_FORMATS)


def _refuse(name: str) -> Refusal:
    message = f"export format {name!r} cannot be made; accepted: {', '.join(ACCEPTED_FORMATS)}"
    return Refusal(format=name, code="unsupported_format", message=message)
