"""Is an MLflow server ready? `python ready.py http://HOST:PORT`: exit code 0 once it answers one call of each kind.

`/health` answers before the server has imported its models. One that is asked several things at once in that moment
can stay broken for good: so the calls come one after another, and nothing else should call before they are answered.
Standard library only: the same file is the health check of the container and that of the local stack.
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

# The first search took 9 s on two idle cores.
TIMEOUT_S = 60.0
API = "/api/2.0/mlflow"
DEFAULT_EXPERIMENT = "0"
ONE = {"max_results": 1}
# What the tracker calls, by kind; each only reads. The first of `runs` makes the server import most.
CALLS: Mapping[str, tuple[str, str, object]] = {
    "health": ("GET", "/health", None),
    "runs": ("POST", f"{API}/runs/search", {"experiment_ids": [DEFAULT_EXPERIMENT], **ONE}),
    "experiments": ("POST", f"{API}/experiments/search", ONE),
    "experiment by name": ("GET", f"{API}/experiments/get-by-name?experiment_name=Default", None),
    "logged models": ("POST", f"{API}/logged-models/search", {"experiment_ids": [DEFAULT_EXPERIMENT], **ONE}),
    "registered models": ("GET", f"{API}/registered-models/search?max_results=1", None),
    "model versions": ("GET", f"{API}/model-versions/search?max_results=1", None),
    "artifacts": ("GET", "/api/2.0/mlflow-artifacts/artifacts", None),
}
# A person may have renamed or deleted the first experiment; the server that says so has looked.
EXPECTED_ERRORS = ("RESOURCE_DOES_NOT_EXIST",)


class NotReady(RuntimeError):
    """A call was not answered, or answered with an error; says which and how."""


def check(url: str, *, timeout_s: float = TIMEOUT_S) -> None:
    """Make one call of each kind, one after another; `NotReady` names the first that fails."""
    for kind, (method, path, body) in CALLS.items():
        _call(kind, method, url.rstrip("/") + path, body, timeout_s)


def _call(kind: str, method: str, url: str, body: object, timeout_s: float) -> None:
    if not url.startswith(("http://", "https://")):
        raise NotReady(f"{url} is no address of an MLflow server: accepted are http:// and https://")
    request = urllib.request.Request(  # noqa: S310  checked above
        url, method=method, data=None if body is None else json.dumps(body).encode()
    )
    request.add_header("content-type", "application/json")
    # Without proxies: they would be asked for addresses of this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        text = error.read(2000).decode(errors="replace")
        if _code(text) not in EXPECTED_ERRORS:
            raise NotReady(f"{kind}: {method} {url} answered {error.code}: {' '.join(text.split())[:300]}") from None
    except OSError as error:
        raise NotReady(f"{kind}: {method} {url}: {getattr(error, 'reason', error)}") from None


def _code(text: str) -> str:
    try:
        answer: Any = json.loads(text)
    except ValueError:
        return ""
    return str(answer.get("error_code", "")) if isinstance(answer, dict) else ""


def main(arguments: list[str]) -> int:
    """Says what it found; returns 0 (ready), 1 (not ready) or 2 (called wrongly)."""
    if len(arguments) != 1:
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        check(arguments[0])
    except NotReady as reason:
        sys.stderr.write(f"not ready: {reason}\n")
        return 1
    sys.stdout.write(f"ready: answered {', '.join(CALLS)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
