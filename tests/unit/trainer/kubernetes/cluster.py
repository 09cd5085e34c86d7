"""A small API server of Kubernetes with a Job controller, Kubeflow Trainer's controller and a kubelet, for tests.

Every object that a client sends, and every one that it is answered, is held to Kubernetes' own schema, or to Kubeflow's
models. What a node does with a pod is a function of the test's.
"""

import asyncio
import copy
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.unit.trainer.kubernetes.kubeflow import child_job
from tests.unit.trainer.kubernetes.schemas import validated

JOBS, PODS, SERVICES, TRAIN_JOBS = "jobs", "pods", "services", "trainjobs"
KINDS = {
    JOBS: ("batch/v1", "Job"), PODS: ("v1", "Pod"), SERVICES: ("v1", "Service"),
    TRAIN_JOBS: ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
}  # fmt: skip
OF_JOB, INDEX = "batch.kubernetes.io/job-name", "batch.kubernetes.io/job-completion-index"
Object = dict[str, Any]
# Runs a pod's container to its end; its exit code. Lines for the log go to the list.
Runs = Callable[[Object, list[str]], Awaitable[int]]


def status(code: int, reason: str, message: str) -> Object:
    return {
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": message,
    }  # fmt: skip


@dataclass(kw_only=True)
class Cluster:
    """One namespace."""

    runs: Runs
    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    events: dict[str, list[tuple[int, str, Object]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    version: int = 0
    oldest: int = 0  # watches from before are told that they are gone
    told_gone: int = 0
    refusals: deque[tuple[str, int]] = field(default_factory=deque)  # of the next requests: method, code
    requests: list[str] = field(default_factory=list)
    verbs: set[tuple[str, str]] = field(default_factory=set)  # resource and verb, as roles name them
    logs: dict[str, list[str]] = field(default_factory=dict)
    port: int = 0
    room: int = 100  # pods that may run at a time; the others wait
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _nodes: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _epoch: int = 0  # watches of an earlier one are cut off

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Cluster"]:
        prefix = "/api/v1/namespaces/truscore"
        routes = [
            *(
                route
                for group in ("/apis/batch/v1", "/apis/trainer.kubeflow.org/v1alpha1")
                for route in (
                    Route(f"{group}/namespaces/truscore/{{kind}}", self._create, methods=["POST"]),
                    Route(f"{group}/namespaces/truscore/{{kind}}", self._list, methods=["GET"]),
                    Route(f"{group}/namespaces/truscore/{{kind}}/{{name}}", self._one, methods=["GET", "DELETE"]),
                )
            ),
            Route(f"{prefix}/{{kind}}", self._create, methods=["POST"]),
            Route(f"{prefix}/{{kind}}", self._list, methods=["GET"]),
            Route(f"{prefix}/pods/{{name}}/log", self._log, methods=["GET"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        server.capture_signals = suppress  # type: ignore[method-assign, assignment]  signals are pytest's
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  uvicorn sets no event
            await asyncio.sleep(0.005)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.should_exit = server.force_exit = True
            await self.cut_watches()
            for node in list(self._nodes.values()):
                node.cancel()
            await asyncio.gather(*self._nodes.values(), serving, return_exceptions=True)

    async def cut_watches(self) -> None:
        """End all connections of watches."""
        async with self._changed:
            self._epoch += 1
            self._changed.notify_all()

    def forget_versions(self) -> None:
        """Compact: a watch from an earlier version is told that it is gone."""
        self.version += 1
        self.oldest = self.version

    def refuse(self, method: str, *codes: int) -> None:
        self.refusals.extend((method, code) for code in codes)

    def submitted(self) -> dict[str, Object]:
        """What clients created, by name: TrainJobs where there are any, Jobs elsewhere."""
        return self.objects[TRAIN_JOBS] or self.objects[JOBS]

    def job(self) -> Object:
        (job,) = self.submitted().values()
        return job

    def pods(self) -> list[Object]:
        return list(self.objects[PODS].values())

    async def release(self) -> None:
        """What Kueue does once there is room."""
        job = self.job()
        job["spec"]["suspend"] = False
        await self._put(TRAIN_JOBS if job["kind"] == "TrainJob" else JOBS, job, "MODIFIED")
        await self._begin(job)

    async def disrupt(self, reason: str, *, drain: Callable[[], None] | None = None, index: int = 0) -> None:
        """Take a running pod from its node: an eviction with ``drain`` as its SIGTERM, without it a lost node."""
        pod = next(pod for pod in self.pods() if pod["status"]["phase"] == "Running" and _index(pod) == index)
        name = pod["metadata"]["name"]
        pod["status"]["conditions"].append(
            {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": f"node-1: {reason}"}
        )
        await self._put(PODS, pod, "MODIFIED")
        if drain is not None:
            drain()
        else:
            self._nodes[name].cancel()
        await asyncio.gather(self._nodes[name], return_exceptions=True)

    async def exceed_deadline(self) -> None:
        await self._end_submitted(self.job(), "Failed", "DeadlineExceeded", "it was active longer than specified")
        for node in list(self._nodes.values()):
            node.cancel()

    async def _begin(self, created: Object) -> None:
        """What the controllers do about something new, or something that was let go."""
        if created["spec"].get("suspend"):
            return
        if created["kind"] == "TrainJob":
            job = child_job(created)
            await self._put(JOBS, job, "ADDED")
            await self._reconcile(job["metadata"]["name"])
        elif created["kind"] == "Job":
            await self._reconcile(created["metadata"]["name"])

    async def _reconcile(self, job_name: str) -> None:
        job = self.objects[JOBS].get(job_name)
        if job is None or job["spec"].get("suspend") or job["status"].get("conditions"):
            return
        for index in range(job["spec"]["completions"]):
            there = [pod for pod in self._pods_of(job_name) if _index(pod) == index]
            # One that has succeeded is not followed by another.
            if not any(pod["status"]["phase"] in ("Pending", "Running", "Succeeded") for pod in there):
                await self._start_pod(job, index)

    def _pods_of(self, job_name: str) -> list[Object]:
        return [pod for pod in self.pods() if pod["metadata"]["labels"][OF_JOB] == job_name]

    async def _start_pod(self, job: Object, index: int) -> None:
        template, job_name = copy.deepcopy(job["spec"]["template"]), job["metadata"]["name"]
        name = f"{job_name}-{index}-{len(self.objects[PODS]):05d}"
        (container,) = template["spec"]["containers"]
        container["env"] = [*container["env"], {"name": "JOB_COMPLETION_INDEX", "value": str(index)}]
        pod = {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": "truscore", "creationTimestamp": datetime.now(tz=UTC).isoformat(),
                "labels": {**template["metadata"]["labels"], OF_JOB: job_name, INDEX: str(index)},
            },
            "spec": template["spec"] | {"nodeName": "node-1", "hostname": f"{job_name}-{index}"},
            "status": {"phase": "Running", "conditions": []},
        }  # fmt: skip
        self.logs[name] = []
        full = sum(each["status"]["phase"] == "Running" for each in self.pods()) >= self.room
        if full:
            pod["status"]["phase"] = "Pending"
        await self._put(PODS, pod, "ADDED")
        if not full:
            self._nodes[name] = asyncio.create_task(self._run(job_name, name))

    async def make_room(self) -> None:
        """Pods that wait run from now on."""
        self.room = 100
        for pod in [pod for pod in self.pods() if pod["status"]["phase"] == "Pending"]:
            name, job_name = pod["metadata"]["name"], pod["metadata"]["labels"][OF_JOB]
            pod["status"]["phase"] = "Running"
            await self._put(PODS, pod, "MODIFIED")
            self._nodes[name] = asyncio.create_task(self._run(job_name, name))

    async def _run(self, job_name: str, name: str) -> None:
        pod = self.objects[PODS][name]
        try:
            code, reason = await self.runs(pod, self.logs[name]), "Error"
        except asyncio.CancelledError:
            code, reason = None, ""
        pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
        if code is not None:
            ended = {"exitCode": code, "reason": "Completed" if code == 0 else reason}
            pod["status"]["containerStatuses"] = [
                {
                    "name": pod["spec"]["containers"][0]["name"], "image": "truscore/trainer", "imageID": "",
                    "ready": False, "restartCount": 0, "state": {"terminated": ended},
                }
            ]  # fmt: skip
        if name in self.objects[PODS]:
            await self._put(PODS, pod, "MODIFIED")
        job = self.objects[JOBS].get(job_name)
        if job is not None and not job["status"].get("conditions"):
            await self._account(job, pod, code)

    async def _account(self, job: Object, pod: Object, code: int | None) -> None:
        """What the Job controller does about a pod that ended."""
        if code == 0:
            if "successPolicy" in job["spec"] and _index(pod):
                return None  # the first pod's is what counts
            return await self._end_job(job, "Complete", "CompletionsReached", "Reached expected number of pods")
        disrupted = any(each["type"] == "DisruptionTarget" for each in pod["status"]["conditions"])
        for rule in job["spec"]["podFailurePolicy"]["rules"]:
            on_code = "onExitCodes" in rule and code in rule["onExitCodes"]["values"]
            if on_code or ("onPodConditions" in rule and disrupted):
                if rule["action"] == "Ignore":
                    return await self._reconcile(job["metadata"]["name"])
                return await self._end_job(job, "Failed", "PodFailurePolicy", f"exit code {code}")
        return await self._end_job(job, "Failed", "BackoffLimitExceeded", "Job has reached the backoff limit")

    async def _end_job(self, job: Object, kind: str, reason: str, message: str) -> None:
        await self._end_submitted(job, kind, reason, message)
        for pod in self._pods_of(job["metadata"]["name"]):
            node = self._nodes.get(pod["metadata"]["name"])
            if node is not None and node is not asyncio.current_task():
                node.cancel()
        for owner in job["metadata"].get("ownerReferences", ()):
            if train_job := self.objects[TRAIN_JOBS].get(owner["name"]):
                reason = "AllJobsCompleted" if kind == "Complete" else "FailedJobs"
                await self._end_submitted(train_job, kind, reason, f"jobset: {message}")

    async def _end_submitted(self, job: Object, kind: str, reason: str, message: str) -> None:
        job["status"]["conditions"] = [
            {
                "type": kind, "status": "True", "reason": reason, "message": message,
                "lastTransitionTime": datetime.now(tz=UTC).isoformat(),
            }
        ]  # fmt: skip
        await self._put(TRAIN_JOBS if job["kind"] == "TrainJob" else JOBS, job, "MODIFIED")

    async def _put(self, kind: str, each: Object, operation: str) -> None:
        async with self._changed:
            self.version += 1
            each["metadata"]["resourceVersion"] = str(self.version)
            if operation == "DELETED":
                self.objects[kind].pop(each["metadata"]["name"], None)
            else:
                self.objects[kind][each["metadata"]["name"]] = each
            self.events[kind].append((self.version, operation, copy.deepcopy(validated(each))))
            self._changed.notify_all()

    def _refusal(self, request: Request) -> Response | None:
        self.requests.append(f"{request.method} {request.url.path}")
        self.verbs.add(_verb(request))
        if not self.refusals or self.refusals[0][0] != request.method:
            return None
        _, code = self.refusals.popleft()
        return JSONResponse(status(code, "Refused", "not now"), code, headers={"Retry-After": "0"})

    async def _create(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        kind, created = request.path_params["kind"], validated(json.loads(await request.body()))
        name = created["metadata"]["name"]
        if name in self.objects[kind]:
            return JSONResponse(status(409, "AlreadyExists", f'{kind} "{name}" already exists'), 409)
        created["metadata"] |= {
            "namespace": "truscore", "uid": f"uid-of-{name}", "creationTimestamp": datetime.now(tz=UTC).isoformat()
        }  # fmt: skip
        created["status"] = {}
        await self._put(kind, created, "ADDED")
        await self._begin(created)
        return JSONResponse(self.objects[kind].get(name, created), 201)

    async def _one(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        kind, name = request.path_params["kind"], request.path_params["name"]
        found = self.objects[kind].get(name)
        if found is None:
            return JSONResponse(status(404, "NotFound", f'{kind} "{name}" not found'), 404)
        if request.method == "DELETE":
            await self._delete(kind, found)
            return JSONResponse({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success"})
        return JSONResponse(found)

    async def _delete(self, kind: str, gone: Object) -> None:
        """It, and what it owns."""
        await self._put(kind, gone, "DELETED")
        for other in (JOBS, SERVICES):
            for each in list(self.objects[other].values()):
                owners = {owner["uid"] for owner in each["metadata"].get("ownerReferences", ())}
                if gone["metadata"]["uid"] in owners:
                    await self._delete(other, each)
        for pod in self._pods_of(gone["metadata"]["name"]) if kind == JOBS else ():
            if node := self._nodes.get(pod["metadata"]["name"]):
                node.cancel()

    async def _list(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        kind = request.path_params["kind"]
        wanted = dict(pair.split("=") for pair in request.query_params["labelSelector"].split(","))
        if request.query_params.get("watch") == "true":
            since = int(request.query_params["resourceVersion"])
            return StreamingResponse(self._watch(kind, wanted, since), media_type="application/json")
        api_version, name = KINDS[kind]
        items = [each for each in self.objects[kind].values() if _has(each, wanted)]
        answer = {
            "apiVersion": api_version, "kind": f"{name}List", "metadata": {"resourceVersion": str(self.version)},
            "items": items,
        }  # fmt: skip
        return JSONResponse(validated(answer))

    async def _watch(self, kind: str, wanted: dict[str, str], since: int) -> AsyncIterator[bytes]:
        epoch = self._epoch
        while epoch == self._epoch:
            if since < self.oldest:
                self.told_gone += 1
                yield _line("ERROR", status(410, "Expired", f"too old resource version: {since} ({self.oldest})"))
                return
            async with self._changed:
                news = [event for event in self.events[kind] if event[0] > since]
                if not news:
                    await self._changed.wait()
                    continue
            for version, operation, each in news:
                since = version
                if _has(each, wanted):
                    yield _line(operation, each)

    async def _log(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        name = request.path_params["name"]

        async def lines() -> AsyncIterator[bytes]:
            sent = 0
            while True:
                ended = name not in self._nodes or self._nodes[name].done()
                for line in self.logs[name][sent:]:
                    sent += 1
                    yield line.encode() + b"\n"
                if ended:
                    return
                await asyncio.sleep(0.02)

        return StreamingResponse(lines(), media_type="text/plain")


def _index(pod: Object) -> int:
    return int(pod["metadata"]["labels"][INDEX])


def _has(each: Object, wanted: dict[str, str]) -> bool:
    return wanted.items() <= each["metadata"].get("labels", {}).items()


def _line(operation: str, each: Object) -> bytes:
    return json.dumps({"type": operation, "object": each}).encode() + b"\n"


def _verb(request: Request) -> tuple[str, str]:
    parts = request.url.path.partition("/namespaces/truscore/")[2].split("/")
    if request.method != "GET":
        return parts[0], {"POST": "create", "DELETE": "delete"}[request.method]
    if len(parts) == 1:
        return parts[0], "watch" if request.query_params.get("watch") == "true" else "list"
    return "/".join([parts[0], *parts[2:]]), "get"
