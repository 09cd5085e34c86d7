"""`python mlflow_ready.py URL`: exit code 0 when the MLflow server answers a call of each kind, one after another.

A server that answers /health may still be importing its models; calls that come in together at that time have broken it
for good. The tracker is started after this has passed.
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

TIMEOUT_S = 5.0
# What is sent; None for a call that is read with GET.
CALLS: Mapping[str, Mapping[str, object] | None] = {
    "experiments/search": {"max_results": 1},
    "runs/search": {"max_results": 1, "experiment_ids": ["0"]},
    "logged-models/search": {"max_results": 1, "experiment_ids": ["0"]},
    "registered-models/search": None,
    "model-versions/search": None,
}


def failure_of(url: str, call: str) -> str:
    """Why the call fails; empty when it is answered."""
    body = CALLS[call]
    request = urllib.request.Request(  # noqa: S310
        f"{url.rstrip('/')}/api/2.0/mlflow/{call}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            json.load(answer)
    except (urllib.error.URLError, OSError, ValueError) as error:
        return f"{call}: {error}"
    return ""


def main() -> None:
    """Entry point: the first call that fails is named."""
    for call in CALLS:
        if failure := failure_of(sys.argv[1], call):
            sys.exit(failure)


if __name__ == "__main__":
    main()
