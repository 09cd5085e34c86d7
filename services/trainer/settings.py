"""What the environment may set."""

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from truscore.settings import StoreSettings

PREFIX = "TRUSCORE_"


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
    trainer_git_commit: str = Field("", description="Commit of the source that is run; read from .git where empty")


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
