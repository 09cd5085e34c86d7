"""Memory and cost of an image as datasets grow to a million: `python -m tests.bench.validator_million`.

No picture is decoded: measures of pixels are simulated, for a million decodings take hours, and each costs the same in
a shard as alone (`tests.bench.validator_speed`). All else is the code that validates: measures merged by content, the
index, rules, report, page, digest. Each size is validated in a process of its own; listing is another one's work.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
LIMIT_BYTES = 640 * 2**20
MOST_RATIO = 1.2  # cost of an image among a million over that of one among ten thousand
FEW = 10_000


def measured(count: int, *extra: str) -> dict[str, Any]:
    """Figures of a process that does it."""
    command = [sys.executable, "-m", "tests.measuring.simulated_sets", str(count), *extra]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, check=True, timeout=7200)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def start_s() -> float:
    """What starting such a process costs."""
    return float(measured(1)["cpu_s"])


def main() -> int:
    """Measure and print; 1 where memory or cost grow more than they may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=list(COUNTS))
    options = parser.parse_args()
    least_s, cost_us, most = start_s(), {}, 0
    for count in options.images:
        found, listing = measured(count), measured(count, "listing")
        cost_us[count] = (found["cpu_s"] - least_s) / count * 1e6
        most = max(most, found["peak_bytes"])
        row = {
            "images": count,
            "peak_mib": round(found["peak_bytes"] / 2**20),
            "us_per_image": round(cost_us[count]),
            "listing_peak_mib": round(listing["peak_bytes"] / 2**20),
            **{name: found[name] for name in ("findings", "findings_listed", "findings_in_event", "report_bytes")},
            **{name: found[name] for name in ("page_bytes", "index_bytes", "digest")},
        }
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    ratio = cost_us[max(cost_us)] / cost_us.get(FEW, cost_us[min(cost_us)])
    sys.stdout.write(
        json.dumps({"ratio": round(ratio, 2), "most_ratio": MOST_RATIO, "limit_bytes": LIMIT_BYTES}) + "\n"
    )
    return 0 if ratio <= MOST_RATIO and most <= LIMIT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
