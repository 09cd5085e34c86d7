"""What a Job and its pods say about an attempt. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.trainer.launchers.kubernetes.pod_spec import CONTAINER, TRAINER_CONTAINER
from services.trainer.launchers.kubernetes.workload import DELETED, MESSAGE_CHARS, Ending
from services.trainer.launchers.port import Breakdown
from services.trainer.pod.exit_codes import DRAINED

SIGNALLED = 128


def running(pods: Iterable[Any]) -> int:
    """How many of them run."""
    return sum(bool(pod.status and pod.status.phase == "Running") for pod in pods)


def status_of(pods: Sequence[Any]) -> int:
    """Exit status of the process that tells most, minus the signal where one ended it; 1 where nothing is known."""
    if (ended := _terminated(_most_telling(pods))) is None:
        return 1
    code = int(ended.exitCode)
    return SIGNALLED - code if code > SIGNALLED else code


def breakdown(end: Ending, pods: Sequence[Any]) -> Breakdown | None:
    """Why it failed, for the case that its journal does not say; None where the Job completed."""
    if end.completed:
        return None
    if end.reason == "DeadlineExceeded":
        return Breakdown(code="deadline_exceeded", message=f"the Job ran too long: {end.message}", retryable=False)
    pod = _most_telling(pods)
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
        if each.name in (CONTAINER, TRAINER_CONTAINER) and each.state and each.state.terminated:
            return each.state.terminated
    return None


def _most_telling(pods: Sequence[Any]) -> Any:
    """Of several pods that ended the youngest that did so by itself: the others were ended with it, or left it to go
    on. None for none."""
    youngest_first = sorted(pods, key=lambda pod: str(pod.metadata.creationTimestamp or ""), reverse=True)
    ended = [pod for pod in youngest_first if _terminated(pod) is not None]
    failed = [pod for pod in ended if _terminated(pod).exitCode not in (0, DRAINED)]
    return next(iter(failed or ended or youngest_first), None)
