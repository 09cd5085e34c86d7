"""How long a request is tried again: any number of times, until a deadline that starts at its first failure."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import MaxRetryError, ResponseError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

# What a server says when it is busy or restarting, not for a wrong request.
BUSY_STATUSES = frozenset({500, 502, 503, 504})


class UntilDeadline(Retry):
    """A urllib3 retry policy bounded by time. Every S3 request is harmless to repeat, so all methods are retried."""

    def __init__(self, *, retry_for_s: float, deadline: float | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("total", 10_000)
        kwargs.setdefault("redirect", 3)
        kwargs.setdefault("backoff_factor", 0.1)
        kwargs.setdefault("backoff_max", 2.0)
        kwargs.setdefault("backoff_jitter", 0.1)
        kwargs.setdefault("status_forcelist", BUSY_STATUSES)
        kwargs.setdefault("allowed_methods", None)
        kwargs.setdefault("raise_on_status", False)
        # A server must not be able to make us wait longer than our own deadline.
        kwargs.setdefault("respect_retry_after_header", False)
        super().__init__(**kwargs)
        self.retry_for_s = retry_for_s
        self.deadline = deadline

    def new(self, **kw: Any) -> UntilDeadline:
        return super().new(**{"retry_for_s": self.retry_for_s, "deadline": self.deadline, **kw})

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> UntilDeadline:
        now = time.monotonic()
        if self.deadline is not None and now >= self.deadline and _pool is not None:
            status = f"status {response.status}" if response is not None else "no answer"
            raise MaxRetryError(_pool, url or "", error or ResponseError(status))
        grown = super().increment(method, url, response, error, _pool, _stacktrace)
        grown.deadline = now + self.retry_for_s if self.deadline is None else self.deadline
        return grown
