"""What the environment may set."""

from pathlib import Path

from pydantic import Field, SecretStr
from truscore.settings import StoreSettings


class Settings(StoreSettings):
    """Settings of the exporter, each from TRUSCORE_<NAME>."""

    exporter_host: str = Field("127.0.0.1", description="Address that the exporter's ports are bound to")
    exporter_grpc_port: int = Field(0, description="Port of the exporter's gRPC health service; 0 for any free one")
    exporter_metrics_port: int = Field(0, description="Port of the exporter's Prometheus page; 0 for any free one")
    exporter_workdir: Path = Field(
        Path(".local/exporter"), description="Folder that artefacts are made in; emptied after each export"
    )
    exporter_parity_images: int = Field(
        8, ge=1, le=1000, description="Most images of the validation split that an artefact is compared on"
    )
    exporter_metric_images: int = Field(
        200,
        ge=0,
        le=100_000,
        description="Most images of each split, validation and test, that the metrics of an "
        "artefact are compared on; 0 for none",
    )
    exporter_calibration_images: int = Field(
        32, ge=1, le=1000, description="Most training images that INT8 is calibrated on"
    )
    exporter_benchmark_rounds: int = Field(
        3, ge=1, le=1000, description="How often, at most, the latency is measured on each of these images"
    )
    exporter_timeout_s: float = Field(
        1200,
        gt=0,
        le=1500,
        description="Longest time that the export of one run may take; the broker waits 1800 s by default",
    )
    exporter_memory_bytes: int = Field(
        12 * 2**30, ge=2**29, description="Most resident memory that the export of one run may take, in bytes"
    )
    exporter_formats_at_once: int = Field(
        4,
        ge=1,
        le=64,
        description="Most formats of one run that are made at once, each with its part of memory and cores; never "
        "more than there are cores",
    )
    exporter_prepared_child: bool = Field(
        True,
        description="Whether one process that has imported torch waits for the next order, which saves its seconds and "
        "holds some 400 MB meanwhile",
    )
    exporter_signing_key: SecretStr | None = Field(
        None,
        description="Ed25519 private key that releases are signed with, 64 hexadecimal digits; without it unsigned",
    )
    exporter_git_commit: str = Field("", description="Commit of the source that is run; read from .git where empty")
    exporter_sample_s: float = Field(15, gt=0, description="Seconds between hardware samples while working")
    exporter_retry_delays_s: tuple[float, ...] = Field(
        (1, 5, 30, 120), description="Seconds before each new try after a fault, as a JSON list; then a dead letter"
    )
