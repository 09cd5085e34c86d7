"""What the environment may set."""

from pathlib import Path

from pydantic import Field
from truscore.settings.api import ApiSettings


class Settings(ApiSettings):
    """Settings of the monitor, each from TRUSCORE_<NAME>."""

    monitor_host: str = Field("127.0.0.1", description="Address that the monitor's ports are bound to")
    monitor_grpc_port: int = Field(0, description="Port of the monitor's gRPC service; 0 for any free one")
    monitor_metrics_port: int = Field(0, description="Port of the monitor's Prometheus page; 0 for any free one")
    monitor_history_days: float = Field(
        30, gt=0, le=3650, description="How far back the event log is read at the start; older runs are not shown"
    )
    monitor_workdir: Path | None = Field(
        None,
        description="Folder of the snapshot that a monitor goes on from when it starts, which may be lost at any time; "
        "without it the event log is read from its beginning",
    )
    monitor_snapshot_interval_s: float = Field(
        300, gt=0, description="Seconds between two snapshots of what the monitor knows"
    )
    monitor_max_runs: int = Field(
        500,
        ge=1,
        le=5000,
        description="Most runs kept in memory, 60 to 220 kB each, by the number of their losses",
    )
    monitor_max_watchers: int = Field(500, ge=1, le=10_000, description="Most clients that may watch runs at once")
    monitor_rules: Path | None = Field(None, description="TOML file of alert rules in place of the built-in ones")
    monitor_notifications: Path | None = Field(
        None, description="TOML file of the sinks that alerts are sent to, and of silences; without it nothing is sent"
    )
    monitor_queue_interval_s: float = Field(
        30, gt=0, description="Seconds between two looks at how many messages wait in the queues"
    )
    monitor_alert_interval_s: float = Field(5, gt=0, description="Seconds between two looks at the alert rules")
