"""Looks for passwords, tokens and private keys in the files of the work tree, with detect-secrets' detectors.

`python -m deploy.supply_chain.secrets`. What it may find is in secrets.toml: patterns of placeholders, each with the
reason why it is no secret. Python's own strings are held to the same by ruff's S105 to S107.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from detect_secrets.core.scan import scan_file
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.keyword import DENYLIST
from detect_secrets.settings import get_plugins, transient_settings

REPOSITORY: Final = Path(__file__).parents[2]
POLICY: Final = Path(__file__).parent / "secrets.toml"
MOST_BYTES: Final = 1_000_000
# Not the detectors of high entropy, which find every digest, nor those of services whose patterns cost a second each.
DETECTORS: Final = (
    "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "DiscordBotTokenDetector", "GitHubTokenDetector",
    "GitLabTokenDetector", "JwtTokenDetector", "KeywordDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector",
    "PypiTokenDetector", "SendGridDetector", "SlackDetector", "StripeDetector", "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)  # fmt: skip
# Files that hold settings. In others a word such as password is mostly prose, or a variable's name.
SETTINGS_IN: Final = frozenset(
    {".cfg", ".conf", ".env", ".example", ".ini", ".properties", ".sh", ".toml", ".yaml", ".yml"}
)
_KEYWORD: Final = re.compile(rf"(?:{'|'.join(DENYLIST)})\w*['\"]?\s*[:=]\s*\S", re.IGNORECASE)
_FILTERS: Final = (
    "allowlist.is_line_allowlisted", "heuristic.is_indirect_reference", "heuristic.is_templated_secret",
    "heuristic.is_not_alphanumeric_string", "heuristic.is_prefixed_with_dollar_sign",
)  # fmt: skip


def secrets_in(paths: list[Path], placeholders: Mapping[str, str]) -> Iterator[str]:
    """A line for each find that matches no pattern of `placeholders`: file, line and kind, never the secret itself."""
    known = re.compile("|".join(placeholders) or "(?!)").fullmatch
    settings = {
        "plugins_used": [{"name": name} for name in DETECTORS],
        "filters_used": [{"path": f"detect_secrets.filters.{name}"} for name in _FILTERS],
    }
    with transient_settings(settings):
        detectors = [each for each in get_plugins() if isinstance(each, RegexBasedDetector)]
        for path in paths:
            if path.stat().st_size <= MOST_BYTES and _worth_a_scan(path, detectors):
                for found in scan_file(str(path)):
                    if not _is_keyword_elsewhere(found.type, path) and not known(found.secret_value or ""):
                        yield f"{path}:{found.line_number}: {found.type}"


def _worth_a_scan(path: Path, detectors: list[RegexBasedDetector]) -> bool:
    """A tenth of a second a file is saved by a first look at its whole text."""
    text = path.read_bytes().decode(errors="ignore")
    if path.suffix in SETTINGS_IN and _KEYWORD.search(text):
        return True
    return any(pattern.search(text) for each in detectors for pattern in each.denylist)


def _is_keyword_elsewhere(kind: str, path: Path) -> bool:
    return kind == "Secret Keyword" and path.suffix not in SETTINGS_IN


def files_of(folder: Path) -> list[Path]:
    """What git knows or would add. Raises CalledProcessError without a git work tree."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout
    paths = (folder / name for name in names.split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink() and path != POLICY]


def main() -> None:
    """Entry point."""
    try:
        paths = files_of(REPOSITORY)
    except subprocess.CalledProcessError as error:
        print(f"secrets: not looked for, since this is no git work tree: {error.stderr.strip()}")  # noqa: T201
        return
    found = list(secrets_in(paths, tomllib.loads(POLICY.read_text())["placeholders"]))
    if found:
        sys.exit("\n".join(["secrets (a placeholder belongs into deploy/supply_chain/secrets.toml):", *found]))
    print(f"secrets: none in {len(paths)} files")  # noqa: T201


if __name__ == "__main__":
    main()
