"""Prints the table of planted faults: `python -m tests.bench.planted_faults [--trials N] [--rule ID]`.

Ends with 1 where a rule finds fewer than 98 of 100 planted faults, or flags more than 1 of 100 things without reason.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.planted_faults.samples import Pool
from tests.planted_faults.scoring import ALL, Score, Suite

RECALL, FALSE_ALARMS = 0.98, 0.01


def main() -> int:
    options = _options()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool.rendered(Path(folder), count=options.pool, seed=options.seed)
        suite = Suite.of(pool, clean_sets=options.clean_sets)
        rules = options.rule or ALL
        with Progress(*Progress.get_default_columns(), console=Console(stderr=True)) as bar:
            scores = [suite.score(rule, trials=options.trials) for rule in bar.track(rules, description="planting")]
    console = Console(width=110)
    console.print(_table(scores))
    weak = [score.rule for score in scores if not holds(score)]
    console.print(
        f"{len(scores)} rules, {sum(score.planted for score in scores)} planted faults, "
        f"{sum(score.looked_at for score in scores)} looked at for false alarms, {time.monotonic() - started:.0f} s"
    )
    console.print(f"below the line: {', '.join(weak)}" if weak else "every rule holds the line")
    return int(bool(weak))


def holds(score: Score) -> bool:
    return score.recall >= RECALL and score.false_alarms <= FALSE_ALARMS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.planted_faults", description=__doc__)
    parser.add_argument("--trials", type=int, default=50, help="planted faults a rule")
    parser.add_argument("--clean-sets", type=int, default=10, help="clean sets of each kind")
    parser.add_argument("--pool", type=int, default=120, help="rendered cards that sets are drawn from, over 50")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--rule", action="append", default=[], choices=ALL, metavar="ID")
    return parser.parse_args()


def _table(scores: list[Score]) -> Table:
    table = Table(title="Planted faults")
    for heading in ("rule", "planted", "recall", "looked at", "false alarms"):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    for score in sorted(scores, key=lambda score: score.rule):
        style = "" if holds(score) else "red"
        figures = (f"{score.planted}", f"{score.recall:.1%}", f"{score.looked_at}", f"{score.false_alarms:.2%}")
        table.add_row(score.rule, *figures, style=style)
    return table


if __name__ == "__main__":
    sys.exit(main())
