"""Asks a source of advisories about every locked package, by pip-audit, where such a source answers.

`python -m deploy.supply_chain.advisories --source URL`. The source is OSV's API, or a mirror of it (`make supply-chain`
takes its address from TRUSCORE_ADVISORIES_URL). Where none answers it says so and ends well: a check that needs the
internet would stop work without it. A sound answer holds for a day for the same lock. Accepted advisories, each with
its reason, are in advisories.toml.
"""

import argparse
import hashlib
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

REPOSITORY: Final = Path(__file__).parents[2]
ACCEPTED: Final = Path(__file__).parent / "advisories.toml"
OSV: Final = "https://api.osv.dev/v1/query"
PROBE_S: Final = 2.0
AUDIT_S: Final = 300.0
HOLDS_S: Final = 86_400.0


def answers(url: str, timeout_s: float = PROBE_S) -> str:
    """Empty where somebody listens there, otherwise what is wrong."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return f"{url!r} is no address; accepted is http://… or https://…"
    try:
        socket.create_connection(
            (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)), timeout_s
        ).close()
    except OSError as error:
        return f"{url}: {error}"
    return ""


def audit(lock: Path, url: str, accepted: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """pip-audit's answer about all that `lock` has for this platform. Raises TimeoutExpired."""
    argv = [
        sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off",
        "--vulnerability-service", "osv", "--osv-url", url, "--requirement", str(lock),
        *(part for each in accepted for part in ("--ignore-vuln", each)),
    ]  # fmt: skip
    return subprocess.run(argv, capture_output=True, text=True, timeout=AUDIT_S, check=False)


def check(lock: Path, url: str, *, stamps: Path, accepted: dict[str, str]) -> tuple[bool, str]:
    """Whether nothing is known against `lock`, and a sentence. `stamps`: folder of answers that still hold."""
    digest = hashlib.sha256(lock.read_bytes() + repr(sorted(accepted)).encode()).hexdigest()
    stamp = stamps / digest
    if stamp.is_file() and 0 <= (age_s := time.time() - stamp.stat().st_mtime) < HOLDS_S:
        return True, f"advisories: none known {age_s / 3600:.0f} hours ago, for this very lock"
    if unreachable := answers(url):
        return True, f"advisories: NOT CHECKED, no source of advisories is at hand ({unreachable})"
    try:
        done = audit(lock, url, accepted)
    except subprocess.TimeoutExpired:
        return True, f"advisories: NOT CHECKED, {url} took longer than {AUDIT_S:.0f} s"
    if done.returncode != 0 and not done.stdout.strip():  # pip-audit lists advisories there
        return True, f"advisories: NOT CHECKED, {url} gave no answer: {done.stderr.strip()[-300:]}"
    if done.returncode != 0:
        return False, f"advisories, by {url}:\n{done.stdout}{done.stderr}"
    stamps.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    return True, f"advisories: none known, by {url}"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--source", default=OSV, metavar="URL", help=f"a mirror of OSV's API; without it {OSV}")
    url = parser.parse_args().source
    accepted = tomllib.loads(ACCEPTED.read_text())["accepted"]
    fine, said = check(
        REPOSITORY / "requirements.lock", url, stamps=REPOSITORY / ".local" / "advisories", accepted=accepted
    )
    if not fine:
        sys.exit(said)
    print(said)  # noqa: T201


if __name__ == "__main__":
    main()
