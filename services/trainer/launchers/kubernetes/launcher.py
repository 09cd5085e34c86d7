"""Submits attempts as Jobs or TrainJobs, and goes on with those that are there: their names are derived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import structlog
from lightkube import ApiError, AsyncClient
from lightkube.resources.core_v1 import Service
from lightkube.types import CascadeType
from truscore.storage import Store

from services.trainer.launchers.kubernetes.attempt import KubernetesAttempt
from services.trainer.launchers.kubernetes.following import ApiRefuses, code_of, passes, pause_after
from services.trainer.launchers.kubernetes.nodes import nodes_for
from services.trainer.launchers.kubernetes.pod_spec import JobOptions
from services.trainer.launchers.kubernetes.workload import Workload, name_of
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
    workload: Workload
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
        run_id, attempt = launch.plan.run_id, launch.attempt
        nodes = nodes_for(launch.plan.recipe, self.options.nodes, gpus=self.options.gpus)
        job = await self._create(self.workload.submitted(run_id, attempt, nodes), name_of(run_id, attempt))
        if nodes.several:
            for each in self.workload.beside(run_id, attempt, nodes, job.metadata.uid or ""):
                await self._create(each, name_of(run_id, attempt))
        segments = Segments(self.store, RunKeys(bucket=self.bucket, run_id=run_id), attempt)
        return KubernetesAttempt.follow(self, launch, segments, nodes)

    async def _create(self, wanted: Any, name: str) -> Any:
        """The object as the cluster has it: ours, as nobody else derives that name. One that is there already is of a
        service that died, or of a request whose answer was lost."""
        kind = type(wanted)
        try:
            created = await self._asking(lambda: self.client.create(wanted), f"create the {kind.__name__}")
            log.info("the attempt was submitted", kind=kind.__name__, name=name)
            return created
        except ApiError as error:
            if code_of(error) != CONFLICT:
                raise ApiRefuses(f"the {kind.__name__} {name} is refused: {error}") from error
        log.info("it is there already", kind=kind.__name__, name=name)
        return None if kind is Service else await self._get(name)

    async def _get(self, name: str) -> Any:
        """Raises ApiError."""
        kind = self.workload.kind
        return await self._asking(lambda: self.client.get(kind, name), f"look for the {kind.__name__}")

    async def outlived(self, run_id: str, attempt: int) -> bool:
        name = name_of(run_id, attempt)
        try:
            await self._get(name)
        except ApiError as error:
            if code_of(error) != MISSING:
                raise ApiRefuses(f"the {self.workload.kind.__name__} {name} can't be read: {error}") from error
            return False
        return True

    async def end(self, run_id: str, attempt: int) -> None:
        name = name_of(run_id, attempt)
        try:
            # With its pods, which have their grace period for a checkpoint.
            delete = lambda: self.client.delete(self.workload.kind, name, cascade=CascadeType.BACKGROUND)  # noqa: E731
            await self._asking(delete, "delete the Job")
        except (httpx2.HTTPError, TimeoutError) as error:
            if code_of(error) != MISSING:
                log.warning("a Job could not be deleted", job=name, error=str(error))

    async def closed(self, run_id: str, attempt: int) -> None:
        if not self.workload.expires:
            await self.end(run_id, attempt)

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
