"""A launcher with its connection to the cluster. Needs the extra kubernetes."""

from __future__ import annotations

from pathlib import Path

import httpx2
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from truscore.storage import Store

from services.trainer.launchers.kubernetes.job_spec import JobWorkload
from services.trainer.launchers.kubernetes.launcher import KubernetesLauncher
from services.trainer.launchers.kubernetes.pod_spec import JobOptions
from services.trainer.launchers.kubernetes.train_job import TrainJobWorkload
from services.trainer.launchers.kubernetes.workload import Workload

TIMEOUT_S = 30.0


def create_kubernetes_launcher(
    options: JobOptions,
    *,
    train_jobs: bool,
    store: Store,
    bucket: str,
    kubeconfig: Path | None,
    namespace: str,
    retry_for_s: float,
) -> KubernetesLauncher:
    """``train_jobs``: of Kubeflow Trainer, instead of Jobs.

    Raises ConfigError where neither the file nor a service account says where the cluster is."""
    config = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_service_account()
    client = AsyncClient(config, namespace=namespace or None, timeout=httpx2.Timeout(TIMEOUT_S), trust_env=False)
    workload: Workload = TrainJobWorkload(options=options) if train_jobs else JobWorkload(options=options)
    return KubernetesLauncher(
        client=client, options=options, workload=workload, store=store, bucket=bucket, retry_for_s=retry_for_s
    )  # fmt: skip
