"""What was typed, as an order. Pure but for the configuration's file, which is read here."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.cli.desk import CliError, Code

if TYPE_CHECKING:
    from truscore.validation import Order

CONFIG_LIMIT_BYTES = 1 << 20
PROFILES = ("small", "full")


def dataset_name(source: str) -> str:
    """A dataset id made of the last part of a path or address."""
    last = source.rstrip("/").rpartition("/")[2]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-._")[:128]
    if not name:
        raise CliError(Code.USAGE, f"no dataset id can be made of {source!r}: give one with --id")
    return name


def version_now(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%S%f")[:-3]


def read_config(text: str) -> Mapping[str, Any]:
    """JSON as typed, or the file that is named. CliError saying which and where it is wrong."""
    if not text:
        return {}
    source, content = ("--config", text) if text.lstrip().startswith("{") else (text, _content(Path(text)))
    try:
        config = json.loads(content)
    except ValueError as error:
        raise CliError(Code.USAGE, f"{source} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise CliError(Code.USAGE, f"{source} holds {type(config).__name__}; accepted: a JSON object")
    return config


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_LIMIT_BYTES + 1)
        if len(content) > CONFIG_LIMIT_BYTES:
            raise CliError(Code.USAGE, f"--config {path}: larger than {CONFIG_LIMIT_BYTES} bytes")
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(Code.USAGE, f"--config {path}: {error}; accepted: a JSON file or JSON as such") from error


def refuse(order: "Order") -> None:
    """CliError with every reason that no trainer could carry the order out, before anything is uploaded or said."""
    from truscore.validation import refusals

    by_profile: Sequence[Sequence[Any]] = [refusals(order, profile=profile) for profile in PROFILES]
    # Some trainer of the fleet may be able to: only what all profiles refuse is refused here.
    if all(by_profile):
        raise CliError(Code.USAGE, "; ".join(found.message for found in by_profile[0]))
