"""The Job of an attempt is held to Kubernetes' schemas, to Pod Security, and to what must not be in it."""

from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from pydantic import ValidationError

from services.trainer.journal import Cancelled, Completed, Failed, Paused
from services.trainer.launchers.kubernetes.job_spec import JobOptions, job_name, job_of
from services.trainer.pod.exit_codes import CRASHED, DRAINED, FENCED, TRAINING_FAILED, UNUSABLE, exit_code
from services.trainer.settings import Settings, kubernetes_options
from tests.unit.trainer.kubernetes.node import OPTIONS

RUN = "run-0123456789abcdef0123"
GPU = replace(OPTIONS, queue="cards", priority_class="truscore-work", gpus=2)


def settings(**values: Any) -> Settings:
    given = {
        "amqp_url": "amqp://hush/", "s3_endpoint": "http://minio:9000", "s3_access_key": "hush",
        "s3_secret_key": "hush", "trainer_launcher": "kubernetes", "trainer_kubernetes_image": "truscore/trainer:0.1.0",
    }  # fmt: skip
    return Settings(**given | values)


@pytest.mark.parametrize("version", ["1.35", "1.36", "1.37"])
@pytest.mark.parametrize("options", [OPTIONS, GPU], ids=["cpu", "gpu"])
def test_a_job_follows_the_schema_of_three_versions(options: JobOptions, version: str) -> None:
    kubernetes_validate.validate(job_of(options, RUN, 1), version, strict=True)


def test_pods_are_restricted_as_pod_security_has_it() -> None:
    spec = job_of(GPU, RUN, 1)["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & spec.keys()
    assert {key for volume in spec["volumes"] for key in volume} <= {"name", "secret", "emptyDir"}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["resources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"}


def test_settings_come_with_the_job_and_secrets_by_their_files() -> None:
    job = job_of(kubernetes_options(settings(trainer_weights_source="library")), RUN, 1)
    environment = {
        each["name"]: each["value"] for each in job["spec"]["template"]["spec"]["containers"][0]["env"]
    }  # fmt: skip
    assert environment["TRUSCORE_S3_ENDPOINT"] == "http://minio:9000"
    assert environment["TRUSCORE_TRAINER_WEIGHTS_SOURCE"] == "library"
    assert environment["TRUSCORE_ACCEPTED_BUCKETS"] == "[]"
    assert "hush" not in str(job)
    assert "AMQP" not in str(job)


def test_jobs_without_an_image_are_refused() -> None:
    with pytest.raises(ValidationError, match="TRUSCORE_TRAINER_KUBERNETES_IMAGE"):
        settings(trainer_kubernetes_image="")


def test_one_attempt_has_one_name() -> None:
    assert job_name(RUN, 3) == job_of(OPTIONS, RUN, 3)["metadata"]["name"] == f"truscore-{RUN}-3"


def test_a_queue_lets_jobs_wait_and_without_one_they_begin() -> None:
    queued, at_once = job_of(GPU, RUN, 1), job_of(OPTIONS, RUN, 1)
    assert (queued["spec"]["suspend"], at_once["spec"]["suspend"]) == (True, False)
    assert queued["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "cards"


def rule_for(code: int) -> str:
    rules = job_of(OPTIONS, RUN, 1)["spec"]["podFailurePolicy"]["rules"]
    return next((rule["action"] for rule in rules if code in rule.get("onExitCodes", {}).get("values", [])), "Count")


def test_what_a_pod_ends_with_says_whether_another_goes_on() -> None:
    completed = Completed(
        epochs=1, best_epoch=1, metrics={}, path="", sha256="", size_bytes=0, weights_sha256="", duration_s=0, report=""
    )  # fmt: skip
    paused = Paused(reason="pause", step=1, epoch=1, path="", sha256="", size_bytes=0)
    assert [exit_code(each, 0) for each in (completed, paused, Cancelled(step=1, epoch=1))] == [0, 0, 0]
    drained = exit_code(replace(paused, reason="drain"), 0)
    failed = exit_code(Failed(code="diverged", message="", retryable=False, epoch=1), 1)
    assert (drained, rule_for(drained)) == (DRAINED, "Ignore")
    assert (failed, rule_for(failed)) == (TRAINING_FAILED, "FailJob")
    assert [rule_for(each) for each in (UNUSABLE, FENCED)] == ["FailJob", "FailJob"]
    # A process that died is counted, and ends the Job: the trainer makes the next attempt.
    assert [exit_code(None, status) for status in (-9, 3, 0, DRAINED)] == [137, 3, CRASHED, CRASHED]
    assert rule_for(137) == rule_for(CRASHED) == "Count"
