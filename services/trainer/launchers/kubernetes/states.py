"""What a Job and its pods say about an attempt. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.trainer.launchers.kubernetes.job_spec import CONTAINER
from services.trainer.launchers.port import Breakdown

SIGNALLED = 128
MESSAGE_CHARS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEnd:
    """A Job that has ended; ``reason`` and ``message`` are those of its condition, empty where it completed."""

    completed: bool
    reason: str = ""
    message: str = ""


DELETED = JobEnd(completed=False, reason="Deleted", message="the Job was deleted")


def job_end(job: Any) -> JobEnd | None:
    """None while the Job goes on."""
    for condition in (job.status.conditions if job.status else None) or ():
        # "FailureTarget" and "SuccessCriteriaMet" come before, while pods are still there.
        if condition.type in {"Complete", "Failed"} and condition.status == "True":
            return JobEnd(
                completed=condition.type == "Complete",
                reason=(condition.reason or "") if condition.type == "Failed" else "",
                message=(condition.message or "")[:MESSAGE_CHARS] if condition.type == "Failed" else "",
            )
    return None


def is_running(pods: Iterable[Any]) -> bool:
    return any(pod.status and pod.status.phase == "Running" for pod in pods)


def status_of(pods: Sequence[Any]) -> int:
    """Exit status of the youngest pod's process, minus the signal where one ended it; 1 where nothing is known."""
    for pod in _youngest_first(pods):
        if (ended := _terminated(pod)) is not None:
            code = int(ended.exitCode)
            return SIGNALLED - code if code > SIGNALLED else code
    return 1


def breakdown(end: JobEnd, pods: Sequence[Any]) -> Breakdown | None:
    """Why it failed, for the case that its journal does not say; None where the Job completed."""
    if end.completed:
        return None
    if end.reason == "DeadlineExceeded":
        return Breakdown(code="deadline_exceeded", message=f"the Job ran too long: {end.message}", retryable=False)
    pod = next(iter(_youngest_first(pods)), None)
    said = "; ".join(filter(None, [end.reason, end.message, *_said_of(pod)]))
    code, what = ("pod_lost", "the Job was deleted while it ran") if end is DELETED else _death_of(_terminated(pod))
    return Breakdown(code=code, message=f"{what}: {said}", retryable=True)


def _death_of(ended: Any) -> tuple[str, str]:
    """Code and sentence for how a container ended; None where nobody knows."""
    if ended is None:
        return "pod_lost", "the pod ended without an exit code"
    if ended.reason == "OOMKilled":
        return "out_of_memory", "the pod was ended for memory"
    if ended.exitCode > SIGNALLED:
        return "process_killed", f"the pod's process was ended by signal {ended.exitCode - SIGNALLED}"
    return "process_crashed", f"the pod's process ended with status {ended.exitCode}"


def why_waiting(pods: Iterable[Any]) -> str:
    """Why no pod runs: unschedulable, an image that can't be pulled. Empty where nothing is said."""
    said = []
    for pod in pods:
        if pod.status and pod.status.phase == "Pending":
            said += [f"{each.reason}: {each.message}" for each in pod.status.conditions or () if each.status == "False"]
            waiting = [each.state.waiting for each in pod.status.containerStatuses or () if each.state]
            said += [f"{each.reason}: {each.message}" for each in waiting if each]
    return "; ".join(said)[:MESSAGE_CHARS]


def disruption(pod: Any) -> str:
    """What the cluster did to a pod: evicted, preempted, its node lost. Empty for nothing."""
    for condition in (pod.status.conditions if pod.status else None) or ():
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return f"{condition.reason}: {condition.message}"[:MESSAGE_CHARS]
    return ""


def _said_of(pod: Any) -> list[str]:
    if pod is None or pod.status is None:
        return []
    return [text for text in (pod.status.reason or "", pod.status.message or "", disruption(pod)) if text]


def _terminated(pod: Any) -> Any:
    for each in (pod.status.containerStatuses if pod is not None and pod.status else None) or ():
        if each.name == CONTAINER and each.state and each.state.terminated:
            return each.state.terminated
    return None


def _youngest_first(pods: Sequence[Any]) -> list[Any]:
    return sorted(pods, key=lambda pod: str(pod.metadata.creationTimestamp or ""), reverse=True)
