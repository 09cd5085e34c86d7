"""The TrainJob of an attempt, as Kubeflow Trainer v2 has it. Pure.

What all of them have in common, volumes, security and what a pod's exit codes mean, is in the TrainingRuntime that they
refer to (deploy/kubernetes/components/kubeflow/runtime.yaml). Kubeflow makes a JobSet of the two.
https://www.kubeflow.org/docs/components/trainer/
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

from lightkube.generic_resource import create_namespaced_resource

from services.trainer.launchers.kubernetes.nodes import ONE, Nodes
from services.trainer.launchers.kubernetes.pod_spec import (
    QUEUE_LABEL,
    JobOptions,
    command_of,
    environment_of,
    labels_of,
    resources_of,
)
from services.trainer.launchers.kubernetes.workload import Ending, ending_in, name_of

GROUP, VERSION = "trainer.kubeflow.org", "v1alpha1"
JOBSET_LABEL = "jobset.sigs.k8s.io/jobset-name"  # on each pod of a JobSet
STEP = "node"  # the replicated Job of the runtime that trains
TrainJob = create_namespaced_resource(GROUP, VERSION, "TrainJob", "trainjobs")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainJobWorkload:
    """An attempt as a TrainJob. Its JobSet brings the headless Service."""

    options: JobOptions
    kind: ClassVar[Any] = TrainJob
    expires: ClassVar[bool] = False

    def submitted(self, run_id: str, attempt: int, nodes: Nodes) -> Any:
        return TrainJob.from_dict(train_job_of(self.options, run_id, attempt, nodes))

    def beside(self, run_id: str, attempt: int, nodes: Nodes, owner: str) -> list[Any]:
        return []

    def pod_labels(self, run_id: str, attempt: int) -> dict[str, str]:
        return {JOBSET_LABEL: name_of(run_id, attempt)}

    def ending(self, job: Any) -> Ending | None:
        found = (job.status or {}).get("conditions") or ()
        return ending_in(
            SimpleNamespace(type=each["type"], status=each["status"], reason=each["reason"], message=each["message"])
            for each in found
        )


def train_job_of(options: JobOptions, run_id: str, attempt: int, nodes: Nodes = ONE) -> dict[str, Any]:
    """The TrainJob as the API takes it, without a namespace."""
    name = name_of(run_id, attempt)
    queued = {QUEUE_LABEL: options.queue} if options.queue else {}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TrainJob",
        "metadata": {"name": name, "labels": labels_of(run_id, attempt) | queued},
        "spec": {
            "runtimeRef": {"apiGroup": GROUP, "kind": "TrainingRuntime", "name": options.runtime},
            # Kueue lets it go; without a queue nobody would.
            "suspend": bool(options.queue),
            "activeDeadlineSeconds": options.deadline_s,
            "trainer": {
                "image": options.image,
                "command": command_of(options, run_id, attempt, nodes, f"{name}-{STEP}-0-{{index}}.{name}"),
                "env": environment_of(options),
                "numNodes": nodes.most,
                "resourcesPerNode": resources_of(options),
            },
        },
    }
