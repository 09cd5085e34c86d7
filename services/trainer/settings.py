"""What the environment may set."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from truscore.settings import StoreSettings

from services.trainer.launchers.kubernetes.nodes import Nodes
from services.trainer.launchers.kubernetes.pod_spec import JobOptions

PREFIX = "TRUSCORE_"
QUANTITY = r"^[1-9][0-9]*(Mi|Gi|Ti)$"
# What a Job's processes are set by as the service is; keys come from the Secret, and some are set by the Job itself.
PASSED_ON = (
    "s3_endpoint", "bucket", "accepted_buckets", "trainer_cache_bytes", "trainer_min_free_bytes", "trainer_beat_s",
    "trainer_store_patience_s", "trainer_trusted_keys", "trainer_weights_source", "trainer_weights_limit_bytes",
    "trainer_weights_timeout_s", "trainer_git_commit", "log_level", "log_json",
)  # fmt: skip


def _source_of_weights(address: str) -> str:
    parts = urlsplit(address)
    folder = parts.scheme in ("http", "https") and parts.hostname and not ("@" in parts.netloc or parts.query)
    if address not in ("", "library") and not folder:
        raise ValueError('accepted are "library", an http(s) address without a user or a query, and empty')
    return address


class Settings(StoreSettings):
    """Settings of the trainer, each from TRUSCORE_<NAME>."""

    trainer_host: str = Field("127.0.0.1", description="Address that the trainer's ports are bound to")
    trainer_grpc_port: int = Field(0, description="Port of the trainer's gRPC health service; 0 for any free one")
    trainer_metrics_port: int = Field(0, description="Port of the trainer's Prometheus page; 0 for any free one")
    trainer_workdir: Path = Field(
        Path(".local/trainer"), description="Folder that runs are trained in; may be lost at any time"
    )
    trainer_slots: int = Field(1, ge=1, le=64, description="Runs trained at the same time")
    trainer_priority_waiting: int = Field(
        2, ge=0, le=64, description="Orders with a priority that a trainer keeps waiting beside those that it trains"
    )
    trainer_cpu_processes: int = Field(
        0,
        ge=0,
        le=256,
        description="Most training processes of a run where there is no GPU; 0 for as many as a slot has cores. "
        "Small runs have one all the same",
    )
    trainer_standby: bool = Field(
        True,
        description="Keep one training process started before its order, which spares runs of one process the seconds "
        "of its start; it holds about 0.4 GB of memory while it waits",
    )
    trainer_profile: Literal["auto", "small", "published", "full"] = Field(
        "auto",
        description='Default recipes: "small" for a CPU, "published" for the same on bodies with published weights '
        'where an installed package has them, "full" for a GPU; "auto" is "full" where there is one, else "published"',
    )
    trainer_cache_bytes: int = Field(50 * 2**30, ge=1, description="Most bytes of images kept between runs")
    trainer_packs_bytes: int = Field(
        10 * 2**30, ge=0, description="Most bytes of decoded pixels kept between runs; 0 has each run decode its images"
    )
    trainer_kept_runs: int = Field(3, ge=0, description="Folders of ended runs that are kept")
    trainer_min_free_bytes: int = Field(
        2 * 2**30, ge=0, description="Free disk space a run needs beside its dataset, in bytes"
    )
    trainer_restart_limit: int = Field(
        3, ge=0, description="Restarts in a row of a training process that completes no epoch"
    )
    trainer_restart_pause_s: float = Field(
        2, ge=0, description="Seconds before the first restart; doubled for each further one"
    )
    trainer_beat_s: float = Field(5, gt=0, description="Seconds between two signs of life of a run in the store")
    trainer_stop_timeout_s: float = Field(
        120, gt=0, description="Seconds a training process has to heed a request before it is ended"
    )
    trainer_stall_timeout_s: float = Field(
        3600, gt=0, description="Seconds without progress after which a training process is ended and started again"
    )
    trainer_store_patience_s: float = Field(3600, gt=0, description="Seconds that a run waits for a store that is away")
    trainer_drain_timeout_s: float = Field(150, gt=0, description="Seconds that runs have to end after SIGTERM")
    trainer_sample_s: float = Field(5, gt=0, description="Seconds between hardware samples while training")
    trainer_retry_delays_s: tuple[float, ...] = Field(
        (1, 5, 30, 120, 300, 600, 1800, 3600),
        description="Seconds before each new try after a fault, as a JSON list; then a dead letter",
    )
    trainer_trusted_keys: tuple[str, ...] = Field(
        (),
        description="Ed25519 public keys of validators as a JSON list, 64 hexadecimal digits each; with any, only "
        "datasets are trained on whose report one of them signed",
    )
    trainer_weights_source: Annotated[str, AfterValidator(_source_of_weights)] = Field(
        "",
        description='Where published weights come from that the store has not: "library" for the addresses that their '
        "library names, an http(s) address of a folder with the library's files under their names, empty for nowhere",
    )
    trainer_weights_limit_bytes: int = Field(2**30, ge=1, description="Most bytes of a file of weights that is fetched")
    trainer_weights_timeout_s: float = Field(
        300, gt=0, description="Seconds in which a file of weights has to be fetched"
    )
    trainer_launcher: Literal["local", "kubernetes", "kubeflow"] = Field(
        "local",
        description='Where training processes run: "local" as children of the trainer, "kubernetes" as a Job of the '
        'cluster for each attempt, "kubeflow" as a TrainJob of Kubeflow Trainer; both need the extra kubernetes',
    )
    trainer_kubernetes_image: str = Field("", description="Image of the trainer that Jobs run")
    trainer_kubernetes_namespace: str = Field("", description="Namespace of Jobs; empty for the trainer's own")
    trainer_kubernetes_config: Path | None = Field(
        None, description="kubeconfig file of the cluster; without it the service account of the trainer's pod"
    )
    trainer_kubernetes_keys: str = Field(
        "truscore-training-run",
        description="Secret of the Jobs' namespace with the store's keys, truscore_s3_access_key and "
        "truscore_s3_secret_key",
    )
    trainer_kubernetes_queue: str = Field(
        "", description="Queue of Kueue that says when a Job may run; empty where Jobs run at once"
    )
    trainer_kubernetes_priority_class: str = Field("", description="Priority class of Jobs; empty for the default")
    trainer_kubernetes_nodes: str = Field(
        "1",
        description='Pods of a run: "1", "2", or the least and the most as "2:4", where pods may come and go; a run '
        "gets as many of them as share its batch evenly, and one where its recipe has no multi_gpu_support",
    )
    trainer_kubernetes_runtime: str = Field(
        "truscore", description='TrainingRuntime that TrainJobs refer to, for the launcher "kubeflow"'
    )
    trainer_kubernetes_gpus: int = Field(0, ge=0, le=16, description="NVIDIA GPUs of a pod")
    trainer_kubernetes_cpu: int = Field(4, ge=1, le=256, description="Cores of a pod")
    trainer_kubernetes_memory: str = Field("16Gi", pattern=QUANTITY, description="Memory of a pod")
    trainer_kubernetes_disk: str = Field(
        "80Gi", pattern=QUANTITY, description="Disk of a pod, for dataset and checkpoints"
    )
    trainer_kubernetes_deadline_s: int = Field(
        7 * 24 * 3600, ge=60, description="Seconds that an attempt may run as a Job; a run that takes longer fails"
    )
    trainer_kubernetes_kept_s: int = Field(
        3600, ge=60, description="Seconds that a Job stays after its end, for people to look at"
    )
    trainer_git_commit: str = Field(
        "",
        description="Commit of the source that is run, with -dirty where files differ; read from .git where empty",
    )

    @field_validator("trainer_kubernetes_nodes")
    @classmethod
    def _is_a_number_of_pods(cls, text: str) -> str:
        return str(Nodes.parse(text))

    @model_validator(mode="after")
    def _jobs_have_an_image(self) -> Self:
        if self.trainer_launcher != "local" and not self.trainer_kubernetes_image:
            raise ValueError(
                f"TRUSCORE_TRAINER_LAUNCHER={self.trainer_launcher} needs TRUSCORE_TRAINER_KUBERNETES_IMAGE"
            )
        return self


class PodSettings(Settings):
    """Of the process in a Job's pod, which knows no broker."""

    amqp_url: SecretStr = Field(SecretStr(""), description="Not used")
    # Kubernetes says it to each pod of an Indexed Job.
    job_completion_index: int = Field(
        0, ge=0, validation_alias="JOB_COMPLETION_INDEX", description="Which pod of the attempt this is, from 0"
    )


def kubernetes_options(settings: Settings) -> JobOptions:
    """What all Jobs have in common."""
    passed_on = settings.model_dump(mode="json", include=set(PASSED_ON))
    return JobOptions(
        image=settings.trainer_kubernetes_image,
        secret=settings.trainer_kubernetes_keys,
        nodes=Nodes.parse(settings.trainer_kubernetes_nodes),
        runtime=settings.trainer_kubernetes_runtime,
        queue=settings.trainer_kubernetes_queue,
        priority_class=settings.trainer_kubernetes_priority_class,
        gpus=settings.trainer_kubernetes_gpus,
        cpu=str(settings.trainer_kubernetes_cpu),
        memory=settings.trainer_kubernetes_memory,
        disk=settings.trainer_kubernetes_disk,
        deadline_s=settings.trainer_kubernetes_deadline_s,
        kept_s=settings.trainer_kubernetes_kept_s,
        environment={
            f"{PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in passed_on.items()
        },
    )


def kubernetes_cores(settings: Settings) -> int:
    """Cores that a run without a GPU may train on as a Job: of several pods each has one process."""
    if Nodes.parse(settings.trainer_kubernetes_nodes).several:
        return 1
    cores = settings.trainer_kubernetes_cpu
    return min(cores, settings.trainer_cpu_processes or cores)


# Threads that wait by spinning take the cores they wait for: on a busy machine training was ten times slower.
# The second makes matrix products on NVIDIA GPUs give the same bits every time.
MATHS = {"OMP_WAIT_POLICY": "PASSIVE", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
# What libraries would report of us to their makers.
QUIET = {"DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "ORT_DISABLE_TELEMETRY": "1"}


def training_environment(home: Path) -> dict[str, str]:
    """The environment of training processes: ours without our settings, which hold secrets that training has no use
    for, and with caches in a folder that can be written."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "AWS_"))}
    folders = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "MPLCONFIGDIR": str(home / "matplotlib")}
    return MATHS | QUIET | kept | folders
