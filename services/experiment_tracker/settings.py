"""What the environment may set."""

import os
from urllib.parse import urlsplit

from pydantic import Field
from truscore.settings.api import ApiSettings

from services.experiment_tracker.promotion import ChampionRule


class Settings(ApiSettings):
    """Settings of the experiment tracker, each from TRUSCORE_<NAME>."""

    mlflow_url: str = Field(description="Address of the MLflow server, http://host:port")

    tracker_host: str = Field("127.0.0.1", description="Address that the tracker's ports are bound to")
    tracker_grpc_port: int = Field(0, description="Port of the tracker's gRPC service; 0 for any free one")
    tracker_metrics_port: int = Field(0, description="Port of the tracker's Prometheus page; 0 for any free one")
    tracker_mlflow_timeout_s: int = Field(20, ge=1, description="Longest time that one request to MLflow may take")
    tracker_place_every_s: float = Field(
        5, gt=0, description="Seconds between two notes in MLflow of how far the event log is on record"
    )
    tracker_alert_after_s: float = Field(
        60, gt=0, description="Seconds for which MLflow has to fail before the alert mlflow.unavailable is raised"
    )
    tracker_alert_interval_s: float = Field(15, gt=0, description="Seconds between two looks at whether MLflow answers")

    tracker_champion_rule: ChampionRule = Field(
        ChampionRule.HAND,
        description='Who makes a model\'s champion: "hand", or "better": also a version that is fit for use and whose '
        "first metric is better than the champion's by more than chance, on the same dataset",
    )
    tracker_retry_delays_s: tuple[float, ...] = Field(
        (1, 5, 30, 120), description="Seconds between tries of an order to promote, as a JSON list"
    )

    @property
    def mlflow_address(self) -> str:
        """What alerts call the server: host and port, without a login that the address may hold."""
        parts = urlsplit(self.mlflow_url)
        return f"MLflow at {parts.hostname}:{parts.port}" if parts.port else f"MLflow at {parts.hostname}"


def configure_mlflow(timeout_s: int) -> None:
    """What mlflow reads from the environment, to be set before it is imported; what is set already stays.

    It would otherwise retry for minutes, print to standard output, and report its use to its makers.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(timeout_s))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
