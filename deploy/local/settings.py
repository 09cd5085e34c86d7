"""What the environment says to the local stack. Knows names of variables; knows nothing of what is done with them."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local.servers.objects import ObjectServer


class LocalSettings(BaseSettings):
    """Servers to use instead of starting private ones. With none of them set everything is started here."""

    model_config = SettingsConfigDict(env_prefix="TRUSCORE_")

    amqp_url: SecretStr | None = Field(None, description="AMQP address of a RabbitMQ to use instead of a private node.")
    s3_endpoint: str | None = Field(None, description="Address of an S3 server to use instead of a private SeaweedFS.")
    s3_access_key: str = Field("", description="Access key of that S3 server.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret key of that S3 server.")
    bucket: str = Field("truscore", description="Bucket for runs and models; made when it is missing.")
    mlflow_url: str = Field("", description="Address of an MLflow server to use instead of starting one.")
    local_dir: Path = Field(Path(".local"), description="Folder of the local stack's data, logs and addresses.")
    programs_dir: Path = Field(Path(".local"), description="Folder of the programs that were fetched for the stack.")
    rabbitmq_places: str = Field(
        "", description="Folders to look for rabbitmq-server in, separated by colons, instead of the usual ones."
    )
    rabbitmq_fetch: bool = Field(
        True, description="Whether the system's RabbitMQ packages may be fetched when no rabbitmq-server is found."
    )

    def object_server(self) -> ObjectServer | None:
        """The S3 server that the environment names, if it does."""
        if self.s3_endpoint is None:
            return None
        return ObjectServer(
            endpoint=self.s3_endpoint,
            access_key=self.s3_access_key,
            secret_key=self.s3_secret_key.get_secret_value(),
        )


class SharedData(BaseSettings):
    """Where real datasets lie for the tests that go through them."""

    model_config = SettingsConfigDict(env_prefix="TRUSCORE_")

    shared_data: Path | None = Field(None, description="Folder of real datasets; by default beside the repository.")
