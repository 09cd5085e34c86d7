"""The pod of an attempt, whatever it is submitted as. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.trainer.launchers.kubernetes.nodes import ONE, Nodes
from services.trainer.pod.exit_codes import DRAINED, FINAL

CONTAINER = "training"
TRAINER_CONTAINER = "node"  # in a TrainJob, whose controller sets image, command and resources of it alone
RUN_LABEL, ATTEMPT_LABEL = "truscore/run-id", "truscore/attempt"
SEVERAL_LABEL = "truscore/several-pods"  # of pods that may reach one another
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
WORKDIR, SCRATCH, SHARED_MEMORY = "/var/lib/truscore", "/tmp", "/dev/shm"  # noqa: S108  the pod's own volumes
USER = 10001  # as in the image
SECRETS = "/run/secrets/truscore"  # files, as every service of ours reads its keys


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOptions:
    """What all Jobs of an installation have in common; quantities as Kubernetes writes them."""

    image: str
    secret: str  # holds the keys of the store, truscore_s3_access_key and truscore_s3_secret_key
    nodes: Nodes = ONE
    runtime: str = "truscore"  # that TrainJobs refer to
    queue: str = ""  # of Kueue, which then says when a Job may run; empty for at once
    priority_class: str = ""
    gpus: int = 0
    cpu: str = "4"
    memory: str = "16Gi"
    disk: str = "80Gi"
    deadline_s: int = 7 * 24 * 3600  # that an attempt may run
    kept_s: int = 3600  # that a Job stays after its end
    grace_s: int = 150  # that a pod has for a checkpoint after SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)  # nothing secret
    command: tuple[str, ...] = ("python", "-m", "services.trainer.pod")


def failure_rules(container: str = CONTAINER) -> list[dict[str, Any]]:
    """What the cluster did to a pod costs nothing: another goes on with the attempt, from its last checkpoint."""
    return [
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": container, "operator": "In", "values": sorted(FINAL)},
        },
        {"action": "Ignore", "onExitCodes": {"containerName": container, "operator": "In", "values": [DRAINED]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def pod_of(options: JobOptions, command: Sequence[str]) -> dict[str, Any]:
    """The pod's specification."""
    priority = {"priorityClassName": options.priority_class} if options.priority_class else {}
    tolerations = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]}
    return {
        "restartPolicy": "Never",
        **(tolerations if options.gpus else {}),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": options.grace_s,
        **priority,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(options, command)],
        "volumes": [
            {"name": "secrets", "secret": {"secretName": options.secret, "defaultMode": 0o440}},
            {"name": "work", "emptyDir": {"sizeLimit": options.disk}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "10Gi"}},
            # Loader processes hand images over here; it counts within the limit of memory.
            {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}},
        ],
    }  # fmt: skip


def resources_of(options: JobOptions) -> dict[str, Any]:
    """Limits that equal the requests: the last to be evicted, and the cores that its processes count are theirs."""
    resources = {"cpu": options.cpu, "memory": options.memory, "ephemeral-storage": options.disk}
    if options.gpus:
        resources["nvidia.com/gpu"] = str(options.gpus)
    return {"requests": resources, "limits": dict(resources)}


def command_of(options: JobOptions, run_id: str, attempt: int, nodes: Nodes, address: str) -> list[str]:
    """What a pod runs; ``address`` is that of a pod of several, with ``{index}`` for its number."""
    several = ["--nodes", str(nodes), "--address", address] if nodes.several else []
    return [*options.command, "--run-id", run_id, "--attempt", str(attempt), *several]


def environment_of(options: JobOptions) -> list[dict[str, str]]:
    """Settings of the run; nothing secret."""
    return [{"name": name, "value": value} for name, value in sorted(options.environment.items())]


def labels_of(run_id: str, attempt: int) -> dict[str, str]:
    """What an attempt is found by."""
    return {
        "app.kubernetes.io/name": "training-run", "app.kubernetes.io/part-of": "truscore",
        "app.kubernetes.io/managed-by": "truscore-trainer", RUN_LABEL: run_id, ATTEMPT_LABEL: str(attempt),
    }  # fmt: skip


def _container(options: JobOptions, command: Sequence[str]) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": options.image,
        "command": list(command),
        "env": [
            *environment_of(options),
            {"name": "TRUSCORE_TRAINER_WORKDIR", "value": f"{WORKDIR}/work"},
            {"name": "TMPDIR", "value": SCRATCH},
            # What torch.compile builds is loaded as code, from a volume whose files may be executed.
            {"name": "TORCHINDUCTOR_CACHE_DIR", "value": f"{SCRATCH}/inductor"},
            {"name": "TRITON_CACHE_DIR", "value": f"{SCRATCH}/triton"},
            {"name": "TRUSCORE_SECRETS_DIR", "value": SECRETS},
        ],
        "resources": resources_of(options),
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
            {"name": "work", "mountPath": WORKDIR},
            {"name": "tmp", "mountPath": SCRATCH},
            {"name": "shared-memory", "mountPath": SHARED_MEMORY},
        ],
    }  # fmt: skip
