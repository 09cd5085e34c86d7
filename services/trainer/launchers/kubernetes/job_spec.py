"""The Job of an attempt, and the Service by which its pods find one another. Pure.

Field by field: https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Service

from services.trainer.launchers.kubernetes.nodes import ONE, Nodes
from services.trainer.launchers.kubernetes.pod_spec import (
    QUEUE_LABEL,
    SEVERAL_LABEL,
    JobOptions,
    command_of,
    failure_rules,
    labels_of,
    pod_of,
)
from services.trainer.launchers.kubernetes.workload import Ending, ending_in, name_of
from services.trainer.pod.group import PORT

# https://kueue.sigs.k8s.io/docs/tasks/run/jobs/#partial-admission
LEAST_ANNOTATION = "kueue.x-k8s.io/job-min-parallelism"
COMPLETIONS_ANNOTATION = "kueue.x-k8s.io/job-completions-equal-parallelism"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobWorkload:
    """An attempt as an Indexed Job."""

    options: JobOptions
    kind: ClassVar[Any] = Job
    expires: ClassVar[bool] = True

    def submitted(self, run_id: str, attempt: int, nodes: Nodes) -> Any:
        return Job.from_dict(job_of(self.options, run_id, attempt, nodes))

    def beside(self, run_id: str, attempt: int, nodes: Nodes, owner: str) -> list[Any]:
        return [Service.from_dict(service_of(run_id, attempt, owner))] if nodes.several else []

    def pod_labels(self, run_id: str, attempt: int) -> dict[str, str]:
        return {name: value for name, value in labels_of(run_id, attempt).items() if name.startswith("truscore/")}

    def ending(self, job: Any) -> Ending | None:
        return ending_in((job.status.conditions if job.status else None) or ())


def job_of(options: JobOptions, run_id: str, attempt: int, nodes: Nodes = ONE) -> dict[str, Any]:
    """The Job as the API takes it, without a namespace."""
    name, labels = name_of(run_id, attempt), labels_of(run_id, attempt)
    queued = {QUEUE_LABEL: options.queue} if options.queue else {}
    pod = pod_of(options, command_of(options, run_id, attempt, nodes, f"{name}-{{index}}.{name}"))
    # Pods of an Indexed Job are called after it and their index; this gives those names addresses.
    pod |= {"subdomain": name} if nodes.several else {}
    pod_labels = labels | ({SEVERAL_LABEL: "true"} if nodes.several else {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels | queued, **_annotations(options, nodes)},
        "spec": {
            "completionMode": "Indexed",
            "completions": nodes.most,
            "parallelism": nodes.most,
            # Kueue lets it go; without a queue nobody would.
            "suspend": bool(options.queue),
            "activeDeadlineSeconds": options.deadline_s,
            "ttlSecondsAfterFinished": options.kept_s,
            # A process that dies is the trainer's to restart, as the next attempt, with its limit and its pauses.
            "backoffLimit": 0,
            # Two pods at once would both write the journal.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": failure_rules()},
            # The first pod has the last word; the others are ended with it.
            **({"successPolicy": {"rules": [{"succeededIndexes": "0"}]}} if nodes.several else {}),
            "template": {"metadata": {"labels": pod_labels}, "spec": pod},
        },
    }


def _annotations(options: JobOptions, nodes: Nodes) -> dict[str, Any]:
    """Kueue may begin with fewer pods, where there is no room for all."""
    if not options.queue or nodes.least == nodes.most:
        return {}
    return {"annotations": {LEAST_ANNOTATION: str(nodes.least), COMPLETIONS_ANNOTATION: "true"}}


def service_of(run_id: str, attempt: int, owner: str) -> dict[str, Any]:
    """A headless Service, which goes with its Job; ``owner`` is the Job's uid."""
    name, labels = name_of(run_id, attempt), labels_of(run_id, attempt)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "labels": labels,
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": owner}],
        },
        "spec": {
            "clusterIP": "None",
            # Pods look for one another before any of them is ready.
            "publishNotReadyAddresses": True,
            "selector": {key: value for key, value in labels.items() if key.startswith("truscore/")},
            "ports": [{"name": "rendezvous", "port": PORT}],
        },
    }
