"""What Kubeflow Trainer's controller makes of a TrainJob and the runtime that it refers to, for tests."""

from pathlib import Path
from typing import Any

import yaml

from tests.unit.trainer.kubernetes.schemas import validated

RUNTIME = Path(__file__).parents[4] / "deploy/kubernetes/components/kubeflow/runtime.yaml"
STEP, CONTAINER = "node", "node"  # the names that the controller looks for


def runtime() -> dict[str, Any]:
    """The one of our manifests."""
    return validated(yaml.safe_load(RUNTIME.read_text()))


def child_job(train_job: dict[str, Any]) -> dict[str, Any]:
    """The Job of the TrainJob's JobSet."""
    reference, trainer = train_job["spec"]["runtimeRef"], train_job["spec"]["trainer"]
    found = runtime()
    assert (reference["kind"], reference["name"]) == (found["kind"], found["metadata"]["name"])
    (replicated,) = found["spec"]["template"]["spec"]["replicatedJobs"]
    assert replicated["name"] == STEP
    spec = replicated["template"]["spec"]
    spec |= {"completions": trainer["numNodes"], "parallelism": trainer["numNodes"], "suspend": False}
    name = train_job["metadata"]["name"]
    spec["template"]["metadata"]["labels"] |= {"jobset.sigs.k8s.io/jobset-name": name}
    # The JobSet's headless Service has its name.
    spec["template"]["spec"]["subdomain"] = name
    (container,) = [each for each in spec["template"]["spec"]["containers"] if each["name"] == CONTAINER]
    container |= {"image": trainer["image"], "command": trainer["command"], "resources": trainer["resourcesPerNode"]}
    container["env"] = [*container["env"], *trainer["env"]]
    return {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": f"{name}-{STEP}-0", "namespace": "truscore", "uid": f"uid-of-{name}-{STEP}-0",
            "labels": {"jobset.sigs.k8s.io/jobset-name": name},
            # Of the JobSet between the two, which is left out.
            "ownerReferences": [
                {
                    "apiVersion": train_job["apiVersion"], "kind": "TrainJob", "name": name,
                    "uid": train_job["metadata"]["uid"],
                }
            ],
        },
        "spec": spec,
        "status": {},
    }  # fmt: skip
