"""What the environment may set, and the file of the local stack that stands in for it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import Field, SecretStr
from truscore.process.identity import still_runs
from truscore.settings import CurrentToken, GrpcClient, GrpcTls

STACK_FILE = Path(".local/stack.env")
# The stack writes down there which process it is: after a power cut the file is left, and its addresses answer nobody.
STACK_PROCESS = "TRUSCORE_STACK_PROCESS"


class Settings(GrpcTls, GrpcClient):
    """Where the system answers, each from TRUSCORE_<NAME>; what is not set is demanded only by what needs it."""

    amqp_url: SecretStr = Field(
        SecretStr(""), description="Address of the broker, amqp://user:password@host:port/vhost"
    )
    s3_endpoint: str = Field("", description="Address of the object store, http://host:port or https://host")
    s3_access_key: SecretStr = Field(SecretStr(""), description="Access key of the object store")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret key of the object store")
    bucket: str = Field("truscore", description="Bucket for what the services write")
    monitor_address: str = Field("", description="Address of the monitor's gRPC service, host:port")
    tracker_address: str = Field("", description="Address of the experiment tracker's gRPC service, host:port")
    validator_address: str = Field("", description="Address of the validator's gRPC health service, host:port")
    trainer_address: str = Field("", description="Address of the trainer's gRPC health service, host:port")
    exporter_address: str = Field("", description="Address of the exporter's gRPC health service, host:port")
    search_address: str = Field("", description="Address of the hyper-parameter search's gRPC service, host:port")
    studio_address: str = Field("", description="Address of the studio's gRPC health service, host:port")
    mlflow_url: str = Field("", description="Address of the MLflow server")
    model_trusted_keys: tuple[str, ...] = Field(
        (),
        description="Ed25519 public keys of exporters as a JSON list, 64 hexadecimal digits each; with any, only "
        "models are fetched and run whose release one of them signed",
    )


def stack_files(start: Path) -> Iterator[Path]:
    """The files of local stacks in this folder and those above it, the nearest first, whether they run or not."""
    return (found for folder in (start, *start.parents) if (found := folder / STACK_FILE).is_file())


def is_current(stack_file: Path) -> bool:
    """Whether the process that the file names runs; a file that names none is somebody's own, and taken as it is."""
    lines = (line.partition("=") for line in stack_file.read_text().splitlines())
    named = next((value.strip("'\"") for name, _, value in lines if name == STACK_PROCESS), "")
    return not named or still_runs(named)


def read_settings(start: Path) -> tuple[Settings, CurrentToken, str]:
    """Settings of the environment before those of the file of a stack that runs, the token for gRPC as it is from
    call to call, and words for where they are from."""
    files = list(stack_files(start.resolve()))
    found = next(filter(is_current, files), None)
    if found is not None:
        where = f"the environment and {found}"
    elif files:
        where = f"the environment ({files[0]} is left of a stack that no longer runs: `make up` starts it anew)"
    else:
        where = f"the environment (no {STACK_FILE} in {start} or above)"
    return Settings(_env_file=found), CurrentToken(partial(GrpcClient, _env_file=found)), where
