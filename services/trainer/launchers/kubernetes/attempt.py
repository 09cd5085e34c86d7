"""An attempt in the cluster, from its Job's creation to its end: followed, its journal copied, its log streamed."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from lightkube.resources.core_v1 import Pod
from truscore.storage import StoreError

from services.trainer.launchers.kubernetes.following import Following
from services.trainer.launchers.kubernetes.nodes import ONE, Nodes
from services.trainer.launchers.kubernetes.pod_log import PodLog
from services.trainer.launchers.kubernetes.pod_spec import ATTEMPT_LABEL, RUN_LABEL
from services.trainer.launchers.kubernetes.states import breakdown, disruption, running, status_of, why_waiting
from services.trainer.launchers.kubernetes.workload import DELETED, Ending, name_of
from services.trainer.launchers.port import Exit, Launch
from services.trainer.run_store.segments import Segments
from services.trainer.runs.backoff import store_away

if TYPE_CHECKING:
    from services.trainer.launchers.kubernetes.launcher import KubernetesLauncher

POLL_S = 0.5
PODS_S = 10.0  # that the pods of a Job that ended may take to show how they ended
LOG_S = 5.0  # that the rest of their log may take
DELETED_S = 60.0  # that a Job may take to go once it was deleted
STOPPED_STATUS = 0
log = structlog.get_logger(__name__)


@dataclass(kw_only=True, slots=True)
class KubernetesAttempt:
    """Follows one Job. What its pods write is read from the store, so nothing depends on a connection to them."""

    launcher: KubernetesLauncher
    launch: Launch
    segments: Segments
    nodes: Nodes = ONE
    _pods: dict[str, Any] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _running: bool = False
    _started: bool = False
    _said: str = ""
    _printed: deque[str] = field(default_factory=lambda: deque(maxlen=40))
    _given_up: asyncio.Event = field(default_factory=asyncio.Event)
    _streams: list[asyncio.Task[None]] = field(default_factory=list)
    _deleting: asyncio.Task[None] | None = None
    _following: asyncio.Task[Exit] | None = None

    @classmethod
    def follow(
        cls, launcher: KubernetesLauncher, launch: Launch, segments: Segments, nodes: Nodes
    ) -> KubernetesAttempt:
        attempt = cls(launcher=launcher, launch=launch, segments=segments, nodes=nodes)
        attempt._following = asyncio.create_task(attempt._follow())
        return attempt

    @property
    def waiting(self) -> bool:
        return not self._running

    async def wait(self) -> Exit:
        """Raises ApiRefuses and StoreError."""
        assert self._following is not None
        releasing = asyncio.create_task(self._released.wait())
        try:
            await asyncio.wait([self._following, releasing], return_when=asyncio.FIRST_COMPLETED)
            if not self._following.done():
                return Exit(status=STOPPED_STATUS, printed=self._tail())
            return self._following.result()
        finally:
            releasing.cancel()
            self._following.cancel()
            await asyncio.gather(releasing, self._following, return_exceptions=True)

    def request_stop(self, word: str) -> None:
        """A pod sees to the marks in the store by itself; where none has come to run, the Job is taken back."""
        if word == "drain":
            self.release()
        elif not self._started:
            self.kill()

    def kill(self) -> None:
        if self._deleting is None and not self._ended.is_set():
            self._deleting = asyncio.create_task(self._delete())

    def release(self) -> None:
        self._released.set()

    async def _delete(self) -> None:
        """Have the Job deleted; where the cluster does not show that it was, it counts as deleted all the same."""
        await self.launcher.end(self.launch.plan.run_id, self.launch.attempt)
        await asyncio.sleep(DELETED_S)
        self._given_up.set()

    async def _follow(self) -> Exit:
        # Never cancelled: a read that goes on in its thread would take a segment that nobody is given.
        copying = asyncio.create_task(self._copy_journal())
        try:
            end = await self._until_end(copying)
            if end is not DELETED:
                await self._last_look_at_pods()
        finally:
            self._ended.set()
            await asyncio.shield(copying)
            await self._end_streams()
        if self._deleting is not None:
            self._deleting.cancel()
        pods = list(self._pods.values())
        status = 0 if end.completed else status_of(pods)
        return Exit(status=status, printed=self._tail(), failure=breakdown(end, pods))

    async def _until_end(self, copying: asyncio.Task[None]) -> Ending:
        """Report meanwhile; the first failure of anything beside ends the attempt."""
        ending, given_up = asyncio.create_task(self._ending()), asyncio.create_task(self._given_up.wait())
        tasks: list[asyncio.Task[Any]] = [ending, given_up, asyncio.create_task(self._follow_pods())]
        try:
            done, _ = await asyncio.wait([*tasks, copying], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return ending.result() if ending.done() else DELETED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ending(self) -> Ending:
        workload = self.launcher.workload
        name, seen = name_of(self.launch.plan.run_id, self.launch.attempt), False
        async for jobs in self._jobs().snapshots():
            job = jobs.get(name)
            # A list may come from a replica of the API that does not have the Job yet; one that was seen is deleted.
            if job is None and (seen or self._deleting is not None):
                return DELETED
            seen = seen or job is not None
            if job is not None and (end := workload.ending(job)):
                log.info("the Job has ended", job=name, completed=end.completed, reason=end.reason)
                return end
        raise AssertionError("snapshots never end")

    async def _follow_pods(self) -> None:
        async for pods in self._pods_of_it().snapshots():
            self._pods = pods
            # Of several pods enough have to be there before any of them trains.
            self._running = running(pods.values()) >= self.nodes.least
            self._started = self._started or self._running
            self._report(why_waiting(pods.values()))
            for name, pod in pods.items():
                if pod.status and pod.status.phase != "Pending" and name not in self._seen:
                    self._seen.add(name)
                    log.info("the attempt has a pod", pod=name, node=pod.spec.nodeName if pod.spec else "")
                    self._stream_log(name)
                if said := disruption(pod):
                    self._report(f"{name}: {said}")

    def _stream_log(self, name: str) -> None:
        """Beside the rest: a log that can't be read ends nothing."""
        log_of_pod = PodLog(client=self.launcher.client, pod=name)
        self._streams.append(asyncio.create_task(log_of_pod.stream(self._printed)))

    async def _end_streams(self) -> None:
        if self._streams:
            await asyncio.wait(self._streams, timeout=0 if self._released.is_set() else LOG_S)
        for stream in self._streams:
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    def _report(self, said: str) -> None:
        if said and said != self._said:
            self._said = said
            log.warning("the attempt's pod", said=said)

    async def _last_look_at_pods(self) -> None:
        try:
            async with asyncio.timeout(PODS_S):
                async for pods in self._pods_of_it().snapshots():
                    self._pods = pods or self._pods
                    return
        except TimeoutError:
            log.warning("the cluster does not say how the pods ended")

    async def _copy_journal(self) -> None:
        """To its end: a pod ends after its last segment is in the store."""
        while True:
            complete = self._ended.is_set()
            if await self._copy_next():
                continue
            if complete:
                return
            await _first_of(self._ended, POLL_S)

    async def _copy_next(self) -> bool:
        try:
            lines = await asyncio.to_thread(self.segments.read)
        except StoreError as error:
            if not store_away(error):
                raise
            log.warning("the store is away; the journal waits there", error=str(error))
            await asyncio.sleep(POLL_S)
            return not self._released.is_set()
        if lines:
            self._started = True
            await asyncio.to_thread(self._append, lines)
        return bool(lines)

    def _append(self, lines: bytes) -> None:
        with (self.launch.folder / "journal.jsonl").open("ab") as journal:
            journal.write(lines)

    def _jobs(self) -> Following:
        labels: dict[str, Any] = {RUN_LABEL: self.launch.plan.run_id, ATTEMPT_LABEL: str(self.launch.attempt)}
        return Following(client=self.launcher.client, kind=self.launcher.workload.kind, labels=labels)

    def _pods_of_it(self) -> Following:
        labels = self.launcher.workload.pod_labels(self.launch.plan.run_id, self.launch.attempt)
        return Following(client=self.launcher.client, kind=Pod, labels=dict(labels))

    def _tail(self) -> str:
        return "\n".join(self._printed)[-4096:]


async def _first_of(happened: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await happened.wait()
