"""Most memory that validating an index takes, report and index written: `python -m tests.bench.validator_memory`."""

import argparse
import json
import sys

from tests.measuring.validation_memory import peak_bytes

LIMIT_BYTES = 2**30


def main() -> int:
    """Measure and print; 1 where it takes more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    options = parser.parse_args()
    peak = peak_bytes(options.images)
    figures = {"images": options.images, "peak_bytes": peak, "limit_bytes": LIMIT_BYTES}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0 if peak <= LIMIT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
