"""Does the system work? `sh deploy/docker/smoke.sh` asks in a container, `python deploy/docker/smoke.py` on the host.

Looks at broker, store, services and pages, then has one small rendered dataset validated and waits for the verdict.
Nothing is trained. Addresses come from the environment; exit code 0 when everything works, 1 when something doesn't.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

COMMAND_TIMEOUT_S = 120.0
PAGE_TIMEOUT_S = 5.0
# Prometheus finds what it watches within half a minute and asks it every quarter.
SCRAPED_WITHIN_S = 90.0
POLL_S = 3.0
CARDS = 24


class Failed(Exception):
    """What doesn't work, in words."""


def truscore(*arguments: str, timeout_s: float = COMMAND_TIMEOUT_S) -> list[dict[str, Any]]:
    """The objects that the command line prints with --json; Failed with what it says where it ends otherwise."""
    argv = [sys.executable, "-m", "services.cli", *arguments, "--json"]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"`truscore {' '.join(arguments)}` has not ended within {timeout_s:g} s") from None
    records = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 and arguments[0] != "doctor":
        raise Failed(done.stderr.strip() or f"`truscore {arguments[0]}` ended with {done.returncode}")
    if not records:
        raise Failed(done.stderr.strip() or f"`truscore {arguments[0]}` said nothing")
    return records


def page(address: str, path: str) -> Any:
    """The JSON that the server answers; Failed where it doesn't."""
    url = address.rstrip("/") + path
    try:
        with urllib.request.urlopen(url, timeout=PAGE_TIMEOUT_S) as answer:  # noqa: S310
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Failed(f"{url}: {error}") from error


def doctors_checks() -> Iterator[tuple[str, bool, str]]:
    """Broker, store, services and MLflow, as `truscore doctor` sees them."""
    for check in truscore("doctor"):
        fine = bool(check["ok"]) or not check["grave"]
        yield str(check["name"]), fine, str(check["found"]) + ("" if fine else f"; {check['todo']}")


def prometheus(address: str) -> str:
    """Waits until it reaches every target that it knows."""
    deadline = time.monotonic() + SCRAPED_WITHIN_S
    while True:
        targets = page(address, "/api/v1/targets?state=active")["data"]["activeTargets"]
        away = [
            f"{each['scrapeUrl']} ({each['lastError'] or each['health']})" for each in targets if each["health"] != "up"
        ]
        if targets and not away:
            return f"reaches {len(targets)} targets"
        if time.monotonic() > deadline:
            raise Failed(f"does not reach {', '.join(away) or 'anything'}")
        time.sleep(POLL_S)


def grafana(address: str) -> str:
    """Its own health, with that of its database."""
    health = page(address, "/api/health")
    if health.get("database") != "ok":
        raise Failed(f"its database is {health.get('database')!r}")
    return f"version {health.get('version')}"


def order(timeout_s: float) -> str:
    """One dataset through store, broker, validator and monitor to its verdict."""
    with tempfile.TemporaryDirectory(prefix="truscore-smoke-") as folder:
        cards = Path(folder) / "cards"
        truscore("synth", str(cards), "--count", str(CARDS), "--seed", str(time.time_ns() % 2**31))
        began = time.monotonic()
        task = ("--category", "border_detection", "--option", "dual_class")
        (ordered,) = truscore("submit", str(cards), *task, "--id", "smoke", "--validation-only")
    views = truscore(
        "watch", ordered["reference"], "--timeout", f"{timeout_s:g}", timeout_s=timeout_s + COMMAND_TIMEOUT_S
    )
    seconds = time.monotonic() - began
    return f"{ordered['reference']} was accepted {seconds:.1f} s after the upload began ({len(views)} reports)"


def main() -> int:
    """Entry point: a line for each thing, and how many of them don't work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=300, metavar="S", help="seconds to wait for the verdict (300)")
    parser.add_argument("--prometheus", metavar="URL", help="look at this Prometheus as well")
    parser.add_argument("--grafana", metavar="URL", help="look at this Grafana as well")
    options = parser.parse_args()
    checks: dict[str, Callable[[], str]] = {"order": lambda: order(options.timeout)}
    if options.grafana:
        checks = {"grafana": lambda: grafana(options.grafana)} | checks
    if options.prometheus:
        checks = {"prometheus": lambda: prometheus(options.prometheus)} | checks
    broken = _doctor() + sum(_look(name, check) for name, check in checks.items())
    sys.stdout.write("everything works\n" if not broken else f"{broken} of these do not work\n")
    return int(broken > 0)


def _doctor() -> int:
    try:
        return sum(_line(*check) for check in doctors_checks())
    except Failed as failure:
        return _line("doctor", False, str(failure))


def _look(name: str, check: Callable[[], str]) -> int:
    try:
        return _line(name, True, check())
    except Failed as failure:
        return _line(name, False, str(failure))


def _line(name: str, fine: bool, words: str) -> int:
    sys.stdout.write(f"{'ok  ' if fine else 'FAIL'} {name:<11} {words}\n")
    sys.stdout.flush()
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main())
