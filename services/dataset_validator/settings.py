"""What the environment may set."""

from pathlib import Path

from pydantic import Field, SecretStr
from truscore.settings import StoreSettings


class Settings(StoreSettings):
    """Settings of the dataset validator, each from TRUSCORE_<NAME>."""

    validator_host: str = Field("127.0.0.1", description="Address that the validator's ports are bound to")
    validator_grpc_port: int = Field(0, description="Port of the validator's gRPC health service; 0 for any free one")
    validator_metrics_port: int = Field(0, description="Port of the validator's Prometheus page; 0 for any free one")
    validator_workdir: Path = Field(
        Path(".local/validator"),
        description="Folder that datasets are read in; caches lie there too",
    )
    validator_slots: int = Field(1, ge=1, le=64, description="Datasets read at the same time")
    validator_readers: int | None = Field(
        None, ge=1, le=256, description="Images decoded at the same time for one dataset; without it one for each core"
    )
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
