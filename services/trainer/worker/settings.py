"""What torchrun tells the processes that it starts, by the environment."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class GroupAddress(BaseSettings):
    """Where the store of a group of processes listens."""

    model_config = SettingsConfigDict(extra="ignore")

    master_addr: str
    master_port: int


class GroupSize(BaseSettings):
    """How many torchruns a group of processes is of: one on each host, or in each pod."""

    model_config = SettingsConfigDict(extra="ignore")

    group_world_size: int = 1
