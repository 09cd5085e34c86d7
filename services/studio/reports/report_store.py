"""Reports of runs in the store: "runs/<run_id>/report/report.json" and the pictures that it names."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

from truscore.configuration.run_id import RUN_ID_ACCEPTED, is_run_id
from truscore.storage import ObjectMissing, Store

MOST_REPORT_BYTES: Final = 64 << 20
MOST_CONFIG_BYTES: Final = 1 << 20
MOST_PICTURE_BYTES: Final = 32 << 20
PICTURE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,120}\.png")
PNG: Final = b"\x89PNG\r\n\x1a\n"


class ReportMissing(Exception):
    """The run has no such report, or not yet; in words."""


class ReportStore:
    """Reads; keeps nothing."""

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket

    async def report(self, run_id: str) -> dict[str, Any]:
        """Raises ReportMissing and StoreError."""
        return await self._json(run_id, "report/report.json", MOST_REPORT_BYTES)

    async def configuration(self, run_id: str) -> dict[str, Any]:
        """The resolved one, which is there from a run's first attempt on. Raises ReportMissing and StoreError."""
        return await self._json(run_id, "config.json", MOST_CONFIG_BYTES)

    def weights(self) -> list[str]:
        """Addresses of published weights in the store. Blocks; raises StoreError."""
        return [entry.uri for entry in self._store.list(f"s3://{self._bucket}/pretrained/")]

    async def picture(self, run_id: str, name: str) -> bytes:
        """A PNG of the report's. Raises ReportMissing and StoreError."""
        if not PICTURE.fullmatch(name):
            raise ReportMissing(f"report picture {name[:80]!r}; accepted: the name of a PNG")
        content = await self._get(run_id, f"report/{name}", MOST_PICTURE_BYTES)
        if not content.startswith(PNG):
            raise ReportMissing(f"report picture {name!r} is no PNG")
        return content

    async def _json(self, run_id: str, key: str, most_bytes: int) -> dict[str, Any]:
        content = await self._get(run_id, key, most_bytes)
        try:
            read = await asyncio.to_thread(json.loads, content)
        except (ValueError, RecursionError) as error:
            raise ReportMissing(f"{key} of run {run_id} is not JSON: {error}") from error
        if not isinstance(read, dict):
            raise ReportMissing(f"{key} of run {run_id} is no JSON object")
        return read

    async def _get(self, run_id: str, key: str, most_bytes: int) -> bytes:
        if not is_run_id(run_id):
            raise ReportMissing(f"run {run_id[:80]!r}; {RUN_ID_ACCEPTED}")
        uri = f"s3://{self._bucket}/runs/{run_id}/{key}"
        try:
            return await asyncio.to_thread(self._store.get, uri, limit_bytes=most_bytes)
        except ObjectMissing as error:
            raise ReportMissing(f"run {run_id} has no {key} in the store") from error
