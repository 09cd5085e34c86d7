"""The Job of an attempt is held to Kubernetes' schemas, to Pod Security, and to what must not be in it."""

from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from pydantic import ValidationError
from truscore.recipes import resolve

from services.trainer.journal import Cancelled, Completed, Failed, Paused
from services.trainer.launchers.kubernetes.job_spec import job_of, service_of
from services.trainer.launchers.kubernetes.nodes import Nodes, nodes_for
from services.trainer.launchers.kubernetes.pod_spec import TRAINER_CONTAINER, JobOptions, failure_rules, pod_of
from services.trainer.launchers.kubernetes.train_job import train_job_of
from services.trainer.launchers.kubernetes.workload import name_of
from services.trainer.pod.exit_codes import CRASHED, DRAINED, FENCED, TRAINING_FAILED, UNUSABLE, exit_code
from services.trainer.settings import Settings, kubernetes_options
from tests.unit.trainer.kubernetes.kubeflow import runtime
from tests.unit.trainer.kubernetes.node import OPTIONS
from tests.unit.trainer.kubernetes.schemas import Unknown, validated

RUN = "run-0123456789abcdef0123"
OF_ATTEMPT = ("truscore/run-id", "truscore/attempt")
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
    kubernetes_validate.validate(job_of(options, RUN, 1, Nodes(least=2, most=4)), version, strict=True)
    kubernetes_validate.validate(service_of(RUN, 1, "uid"), version, strict=True)


@pytest.mark.parametrize("options", [OPTIONS, GPU], ids=["cpu", "gpu"])
def test_a_train_job_follows_the_models_that_kubeflow_publishes(options: JobOptions) -> None:
    found = validated(train_job_of(options, RUN, 1, Nodes(least=2, most=4)))
    assert found["spec"]["suspend"] is bool(options.queue)
    assert found["spec"]["trainer"]["numNodes"] == 4
    assert found["metadata"]["labels"].get("kueue.x-k8s.io/queue-name", "") == options.queue
    with pytest.raises(Unknown, match=r"spec\.trainer\.nodes"):
        validated({**found, "spec": {**found["spec"], "trainer": {"nodes": 4}}})


def test_the_runtime_of_train_jobs_has_the_pod_and_the_policies_of_jobs() -> None:
    (replicated,) = runtime()["spec"]["template"]["spec"]["replicatedJobs"]
    spec = replicated["template"]["spec"]
    job = job_of(GPU, RUN, 1, Nodes(least=2, most=2))["spec"]
    assert spec["podFailurePolicy"]["rules"] == failure_rules(TRAINER_CONTAINER)
    for name in ("completionMode", "backoffLimit", "podReplacementPolicy", "successPolicy"):
        assert spec[name] == job[name], name
    expected, found = pod_of(GPU, []), spec["template"]["spec"]
    (wanted,), (container,) = expected.pop("containers"), found.pop("containers")
    assert found == expected
    # What a TrainJob brings, and the name that its controller looks for.
    for name in ("name", "image", "command", "resources"):
        wanted.pop(name)
        container.pop(name, None)
    assert container == wanted
    labels = job["template"]["metadata"]["labels"].items()
    assert spec["template"]["metadata"]["labels"].items() == {(k, v) for k, v in labels if k not in OF_ATTEMPT}


def test_a_number_of_pods_is_one_or_a_range() -> None:
    assert [str(Nodes.parse(text)) for text in ("1", "3", "2:4", "2:2")] == ["1", "3", "2:4", "2"]
    for text in ("", "0", "4:2", "2:", ":2", "2:3:4", "-1"):
        with pytest.raises(ValidationError, match="pods: expected"):
            settings(trainer_kubernetes_nodes=text)


@pytest.mark.parametrize(
    ("batch", "wanted", "gpus", "found"),
    [
        (8, "4", 0, "4"),
        (8, "2:4", 0, "4"),  # three can't share a batch of eight
        (6, "1:3", 0, "1:3"),
        (6, "4", 0, "3"),
        (8, "4", 2, "4"),
        (8, "4", 4, "2"),
        (7, "2:4", 0, "1"),
    ],
)
def test_a_run_gets_as_many_pods_as_share_its_batch(batch: int, wanted: str, gpus: int, found: str) -> None:
    recipe = resolve(
        "border_detection", "dual_class", "mask_rcnn",
        {
            "architecture_config": {"multi_gpu_support": True},
            "hyperparameters": {"optimization": {"batch_size": batch}},
        },
    )  # fmt: skip
    assert str(nodes_for(recipe, Nodes.parse(wanted), gpus=gpus)) == found
    alone = resolve(
        "border_detection", "dual_class", "mask_rcnn", {"architecture_config": {"multi_gpu_support": False}}
    )
    assert not nodes_for(alone, Nodes.parse(wanted), gpus=gpus).several


def test_pods_of_one_job_have_addresses_and_may_begin_with_fewer() -> None:
    job = job_of(GPU, RUN, 1, Nodes(least=2, most=4))
    name, template = job["metadata"]["name"], job["spec"]["template"]
    assert (job["spec"]["completions"], job["spec"]["parallelism"]) == (4, 4)
    assert job["metadata"]["annotations"]["kueue.x-k8s.io/job-min-parallelism"] == "2"
    command = template["spec"]["containers"][0]["command"]
    assert command[-4:] == ["--nodes", "2:4", "--address", f"{name}-{{index}}.{name}"]
    assert template["spec"]["subdomain"] == name
    service = service_of(RUN, 1, "uid")
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert service["metadata"]["ownerReferences"][0]["uid"] == "uid"
    # One pod needs nobody to find it.
    assert "subdomain" not in job_of(GPU, RUN, 1)["spec"]["template"]["spec"]


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
    assert name_of(RUN, 3) == job_of(OPTIONS, RUN, 3)["metadata"]["name"] == f"truscore-{RUN}-3"


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
