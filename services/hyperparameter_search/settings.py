"""What the environment may set."""

from pathlib import Path

from pydantic import Field, SecretStr
from truscore.settings.api import ApiSettings


class Settings(ApiSettings):
    """Settings of the hyper-parameter search, each from TRUSCORE_<NAME>."""

    search_host: str = Field("127.0.0.1", description="Address that the search's ports are bound to")
    search_grpc_port: int = Field(0, description="Port of the search's gRPC service; 0 for any free one")
    search_metrics_port: int = Field(0, description="Port of the search's Prometheus page; 0 for any free one")
    search_workdir: Path = Field(
        Path(".local/hyperparameter-search"), description="Folder of the SQLite file that searches lie in"
    )
    search_storage_url: SecretStr | None = Field(
        None,
        description="Address of the database that searches lie in, for example "
        "postgresql+psycopg2://user:password@host/name; without it a SQLite file in the work folder",
    )
    search_interval_s: float = Field(
        5, gt=0, description="Seconds between two looks at the bounds of the searches under way"
    )
    search_retry_delays_s: tuple[float, ...] = Field(
        (1, 5, 30, 120), description="Seconds before each new try after a fault, as a JSON list; then a dead letter"
    )

    @property
    def storage_address(self) -> str:
        """As SQLAlchemy takes it."""
        if self.search_storage_url and self.search_storage_url.get_secret_value():
            return self.search_storage_url.get_secret_value()
        return f"sqlite:///{self.search_workdir.absolute() / 'searches.sqlite3'}"
