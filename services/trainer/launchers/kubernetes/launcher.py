"""Submits attempts as Jobs, and goes on with those that are there: their names are derived from run and attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx2
import structlog
from lightkube import ApiError, AsyncClient
from lightkube.resources.batch_v1 import Job
from lightkube.types import CascadeType
from truscore.storage import Store

from services.trainer.launchers.kubernetes.attempt import KubernetesAttempt
from services.trainer.launchers.kubernetes.following import ApiRefuses, code_of, passes, pause_after
from services.trainer.launchers.kubernetes.job_spec import JobOptions, job_name, job_of
from services.trainer.launchers.port import Launch
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.segments import Segments

MISSING, CONFLICT = 404, 409
REQUEST_S = 60.0
T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class KubernetesLauncher:
    """Starts a Job for each attempt. The service holds no GPU, and no disk but for journals."""

    client: AsyncClient
    options: JobOptions
    store: Store
    bucket: str
    retry_for_s: float  # while the cluster's API is away
    remote: bool = True

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.client.close()

    async def start(self, launch: Launch) -> KubernetesAttempt:
        """Raises ApiRefuses where the cluster takes no such Job."""
        run_id = launch.plan.run_id
        job = job_of(self.options, run_id, launch.attempt)
        try:
            await self._asking(lambda: self.client.create(Job.from_dict(job)), "create the Job")
            log.info("the attempt was submitted", job=job["metadata"]["name"])
        except ApiError as error:
            # Ours: nobody else derives that name. Of a service that died, or of a request whose answer was lost.
            if code_of(error) != CONFLICT:
                raise ApiRefuses(f"the Job {job['metadata']['name']} is refused: {error}") from error
            log.info("the attempt's Job is there already", job=job["metadata"]["name"])
        segments = Segments(self.store, RunKeys(bucket=self.bucket, run_id=run_id), launch.attempt)
        return KubernetesAttempt.follow(self, launch, segments)

    async def outlived(self, run_id: str, attempt: int) -> bool:
        try:
            await self._asking(lambda: self.client.get(Job, job_name(run_id, attempt)), "look for the Job")
        except ApiError as error:
            if code_of(error) != MISSING:
                raise ApiRefuses(f"the Job {job_name(run_id, attempt)} can't be read: {error}") from error
            return False
        return True

    async def end(self, run_id: str, attempt: int) -> None:
        name = job_name(run_id, attempt)
        try:
            # With its pods, which have their grace period for a checkpoint.
            delete = lambda: self.client.delete(Job, name, cascade=CascadeType.BACKGROUND)  # noqa: E731
            await self._asking(delete, "delete the Job")
        except (httpx2.HTTPError, TimeoutError) as error:
            if code_of(error) != MISSING:
                log.warning("a Job could not be deleted", job=name, error=str(error))

    async def _asking(self, request: Callable[[], Awaitable[T]], doing: str) -> T:
        """The answer, however often it takes within the limit. Raises ApiError for one that would not change."""
        until_s, tries = asyncio.get_running_loop().time() + self.retry_for_s, 0
        while True:
            try:
                async with asyncio.timeout(REQUEST_S):
                    return await request()
            except (httpx2.HTTPError, TimeoutError) as error:
                pause_s = pause_after(error, tries)
                late = asyncio.get_running_loop().time() + pause_s > until_s
                if late or (isinstance(error, httpx2.HTTPError) and not passes(error)):
                    raise
                log.warning("the cluster's API does not answer", doing=doing, error=repr(error), pause_s=pause_s)
            tries += 1
            await asyncio.sleep(pause_s)
