"""What objects of the API are held to: Kubernetes' own schemas, and the models that Kubeflow publishes of its own.

Those are made of the OpenAPI document of Kubeflow Trainer, as its custom resource definitions are, and are published as
the package kubeflow-trainer-api (Apache-2.0).
"""

from typing import Any

import kubernetes_validate
from kubeflow_trainer_api.models.trainer_v1alpha1_train_job import TrainerV1alpha1TrainJob
from kubeflow_trainer_api.models.trainer_v1alpha1_train_job_list import TrainerV1alpha1TrainJobList
from kubeflow_trainer_api.models.trainer_v1alpha1_training_runtime import TrainerV1alpha1TrainingRuntime

VERSION = "1.37"
KUBEFLOW: dict[str, Any] = {
    "TrainJob": TrainerV1alpha1TrainJob, "TrainJobList": TrainerV1alpha1TrainJobList,
    "TrainingRuntime": TrainerV1alpha1TrainingRuntime,
}  # fmt: skip


class Unknown(ValueError):
    """An object has what its schema does not."""


def validated(each: dict[str, Any]) -> dict[str, Any]:
    """The object, which is as its schema has it. Raises what the two libraries raise, and Unknown."""
    if model := KUBEFLOW.get(each["kind"]):
        # The models leave out what they do not know.
        left_out = _missing(each, model.from_dict(each).to_dict(), each["kind"])
        if left_out:
            raise Unknown(f"not in the schema: {', '.join(left_out)}")
    else:
        kubernetes_validate.validate(each, VERSION, strict=True)
    return each


def _missing(given: Any, known: Any, place: str) -> list[str]:
    if isinstance(given, dict):
        names = [name for name, value in given.items() if name not in known and value not in ({}, [], None)]
        found = [f"{place}.{name}" for name in names]
        for name in given.keys() & known.keys():
            found += _missing(given[name], known[name], f"{place}.{name}")
        return found
    if isinstance(given, list):
        return [
            each for number, value in enumerate(given) for each in _missing(value, known[number], f"{place}[{number}]")
        ]
    return []
