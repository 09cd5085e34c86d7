"""The account of a trial for people: as plain values, and as the tables of a page."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.chaos.trial import Account

BEGIN, END = "<!-- begin: account of make chaos -->", "<!-- end: account of make chaos -->"
SHARES = (50, 95, 99)


def summary(account: Account) -> dict[str, Any]:
    """The account with percentiles in place of lists."""
    plain = asdict(account)
    plain["latencies_s"] = {
        name: {f"p{share}": round(float(np.percentile(values, share)), 1) for share in SHARES}
        for name, values in account.latencies_s.items()
        if values
    }
    plain["memory"] = {
        service: {**asdict(slope), "flat": slope.flat if slope.judged else None}
        for service, slope in sorted(account.memory.items())
    }
    plain["duration_s"] = round(account.duration_s, 1)
    return {"held": account.held, **plain}


def write_account(
    page: Path, plain: Mapping[str, Any], *, counts: Mapping[str, int], minutes: float, seed: int
) -> None:
    """Replace the account between the page's two marks. ValueError where it has none."""
    text = page.read_text()
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{page}: no lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{tables(plain, counts=counts, minutes=minutes, seed=seed)}\n{END}{after}")


def tables(plain: Mapping[str, Any], *, counts: Mapping[str, int], minutes: float, seed: int) -> str:
    """The account in Markdown."""
    services = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    faults = sum(plain["faults"].values())
    lines = [
        "",
        f"{datetime.now(tz=UTC):%Y-%m-%d}, commit {_commit()}, {os.cpu_count()} cores, {minutes:g} minutes, "
        f"seed {seed}: {services}. **{'Held' if plain['held'] else 'Did not hold'}.**",
        "",
        "| | |",
        "|---|---|",
        f"| orders, of them runs | {plain['orders']}, {plain['runs']} |",
        f"| ended | {plain['ended']} |",
        f"| ordered again after the answer `disk_full` | {plain['ordered_again']} |",
        f"| violations | {len(plain['violations'])} |",
        f"| dead letters, missing files | {plain['dead_letters']}, {len(plain['missing_objects'])} |",
        f"| events, of them published again under their id | {plain['events']}, {plain['repeated_events']} |",
        f"| faults | {faults} |",
        f"| starts of services | {sum(plain['starts'].values())} |",
        f"| until the last order had ended | {plain['duration_s']} s |",
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {name.replace('_', ' ')} | {count} |" for name, count in sorted(plain["faults"].items())),
        "",
        "| seconds from order to | " + " | ".join(f"p{share}" for share in SHARES) + " |",
        "|---|" + "---|" * len(SHARES),
        *(
            f"| {name.removeprefix('order_to_')} | " + " | ".join(str(found[f"p{share}"]) for share in SHARES) + " |"
            for name, found in plain["latencies_s"].items()
        ),
        "",
        "| memory of | most, MB | slope, MB an hour (95 %) | over, s |",
        "|---|---|---|---|",
        *(
            f"| {name} | {found['most_mb']} | {found['mb_per_hour']} ({found['low_mb_per_hour']} to "
            f"{found['high_mb_per_hour']}) | {found['life_s']:g} |"
            for name, found in plain["memory"].items()
        ),
        *(["", "Violations:", ""] if plain["violations"] else []),
        *(f"- {words}" for words in plain["violations"][:50]),
        "",
    ]
    return "\n".join(lines)


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
