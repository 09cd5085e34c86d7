"""How long what is kept, as a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.cli.context import CliError, Code

KINDS: Final = ("models", "checkpoints", "runs", "datasets")
ACCEPTED: Final = (
    "accepted are keep_newest_models (0 or more) and a table keep_days with any of "
    f"{', '.join(KINDS)} (days, 1 or more)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Days by kind after which an item may go, counted from the end of its run, or of the last run on a dataset; a kind
    that is not named stays for ever. The newest versions of each model stay, whatever their age."""

    keep_days: Mapping[str, float] = field(default_factory=dict)
    keep_newest_models: int = 3


def read_policy(path: Path) -> Policy:
    """CliError where it is no such file."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CliError(Code.USAGE, f"--policy {str(path)!r}: {error}") from error
    days, newest = found.pop("keep_days", {}), found.pop("keep_newest_models", 3)
    if found:
        raise CliError(Code.USAGE, f"--policy {str(path)!r}: unknown key {sorted(found)[0]!r}; {ACCEPTED}")
    if not isinstance(newest, int) or isinstance(newest, bool) or newest < 0:
        raise CliError(Code.USAGE, f"--policy {str(path)!r}: keep_newest_models = {newest!r}; {ACCEPTED}")
    if not isinstance(days, dict):
        raise CliError(Code.USAGE, f"--policy {str(path)!r}: keep_days = {days!r}; {ACCEPTED}")
    for kind, value in days.items():
        if kind not in KINDS or isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
            raise CliError(Code.USAGE, f"--policy {str(path)!r}: keep_days.{kind} = {value!r}; {ACCEPTED}")
    return Policy(keep_days=days, keep_newest_models=newest)
