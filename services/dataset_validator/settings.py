"""What the environment may set."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from truscore.settings import LogSettings, ObjectSettings, ServiceSettings, StoreSettings


class DaskSettings(ServiceSettings):
    """Of the validator and of the workers that it has measure images."""

    validator_dask_scheduler: str = Field(
        "",
        description="Dask scheduler whose workers measure the images of large datasets, tcp://host:port or "
        "tls://host:port; empty for processes of the validator's own",
    )
    validator_dask_ca_file: Path | None = Field(
        None, description="PEM file of who signed scheduler and workers; tls:// needs it"
    )
    validator_dask_cert_file: Path | None = Field(
        None, description="PEM file of the certificate that is shown to the scheduler and to workers"
    )
    validator_dask_key_file: Path | None = Field(None, description="PEM file of that certificate's key")
    validator_workdir: Path = Field(
        Path(".local/validator"),
        description="Folder that datasets are read in; caches lie there too",
    )
    validator_readers: int | None = Field(
        None, ge=1, le=256, description="Images decoded at the same time for one dataset; without it one for each core"
    )

    @model_validator(mode="after")
    def _tls_has_its_files(self) -> Self:
        files = (self.validator_dask_ca_file, self.validator_dask_cert_file, self.validator_dask_key_file)
        if self.validator_dask_scheduler.startswith("tls://") and None in files:
            raise ValueError("a scheduler at tls:// needs TRUSCORE_VALIDATOR_DASK_CA_FILE, _CERT_FILE and _KEY_FILE")
        if self.validator_dask_scheduler and "://" not in self.validator_dask_scheduler:
            raise ValueError("TRUSCORE_VALIDATOR_DASK_SCHEDULER is tcp://host:port or tls://host:port")
        return self


class ShardWorkerSettings(LogSettings, ObjectSettings, DaskSettings):
    """Of a worker that measures images for validators: a scheduler, and a store that it reads with its own key."""

    validator_dask_worker_host: str = Field(
        "", description="Address that a worker listens on; empty for the one that leads to its scheduler"
    )
    validator_metrics_port: int = Field(
        0, description="Port of a worker's Prometheus page, and of /health; 0 for any free one"
    )


class Settings(StoreSettings, DaskSettings):
    """Settings of the dataset validator, each from TRUSCORE_<NAME>."""

    validator_host: str = Field("127.0.0.1", description="Address that the validator's ports are bound to")
    validator_grpc_port: int = Field(0, description="Port of the validator's gRPC health service; 0 for any free one")
    validator_metrics_port: int = Field(0, description="Port of the validator's Prometheus page; 0 for any free one")
    validator_slots: int = Field(1, ge=1, le=64, description="Datasets read at the same time")
    validator_shards_from: int = Field(
        20_000, ge=1, description="Images from which on a dataset is measured in shards; smaller ones in one process"
    )
    validator_shard_images: int = Field(512, ge=1, le=10_000, description="Most images of one shard")
    validator_results_bytes: int = Field(
        512 * 2**20, ge=0, description="Most bytes of cached image statistics; 0 for none"
    )
    validator_cache_bytes: int = Field(
        20 * 2**30,
        ge=0,
        description="Most bytes of datasets' files that are kept for the next time; 0 for none",
    )
    validator_progress_s: float = Field(2, gt=0, description="Least seconds between two reports of progress")
    validator_signing_key: SecretStr | None = Field(
        None, description="Ed25519 private key that reports are signed with, 64 hexadecimal digits; without it unsigned"
    )
    validator_policies: Path | None = Field(
        None,
        description="Folder of policies: <category>.toml, and datasets/<dataset_id>.toml over it; without it our own",
    )
    validator_max_objects: int = Field(500_000, ge=1, description="Most objects that a dataset may have")
    validator_max_bytes: int = Field(100 * 2**30, ge=1, description="Most bytes that a dataset may have")
    validator_memory_bytes: int = Field(
        6 * 2**30, ge=2**29, description="Most memory (address space) that reading one dataset may take, in bytes"
    )
    validator_timeout_s: float = Field(
        1500, gt=0, le=1700, description="Longest time that reading one dataset may take; brokers wait 1800 s or more"
    )
    validator_sample_s: float = Field(15, gt=0, description="Seconds between hardware samples while working")
    validator_retry_delays_s: tuple[float, ...] = Field(
        (1, 5, 30, 120), description="Seconds before each new try after a fault, as a JSON list; then a dead letter"
    )
