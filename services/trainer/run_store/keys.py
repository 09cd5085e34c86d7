"""Where a run keeps its objects. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from truscore.configuration.run_id import RUN_ID_ACCEPTED, is_run_id


@dataclass(frozen=True, kw_only=True, slots=True)
class RunKeys:
    """Addresses under "s3://<bucket>/runs/<run_id>/"."""

    bucket: str
    run_id: str

    def __post_init__(self) -> None:
        if not is_run_id(self.run_id):
            raise ValueError(f"run_id {self.run_id!r}: {RUN_ID_ACCEPTED}")

    def at(self, key: str) -> str:
        return f"s3://{self.bucket}/runs/{self.run_id}/{key}"

    @property
    def order(self) -> str:
        return self.at("order.pb")

    @property
    def config(self) -> str:
        return self.at("config.json")

    @property
    def split(self) -> str:
        return self.at("split.json")

    @property
    def cpu_processes(self) -> str:
        return self.at("cpu-processes.json")

    @property
    def found_batch(self) -> str:
        return self.at("found-batch.json")

    @property
    def end(self) -> str:
        return self.at("end.json")

    @property
    def latest_attempt(self) -> str:
        return self.at("attempts/latest.json")

    def attempt(self, number: int) -> str:
        return self.at(f"attempts/{number}.json")

    def journal(self, attempt: int) -> str:
        return self.at(f"journal/{attempt}.jsonl")

    def segments(self, attempt: int) -> str:
        return self.at(f"segments/{attempt}/")

    def segment(self, attempt: int, number: int) -> str:
        return f"{self.segments(attempt)}{number:08d}.jsonl"

    @property
    def checkpoints(self) -> str:
        return self.at("checkpoints/")

    def checkpoint(self, sha256: str) -> str:
        return self.at(f"checkpoints/{sha256}.pt")

    def shard(self, sha256: str) -> str:
        return self.at(f"checkpoints/{sha256}.safetensors")

    @property
    def folds(self) -> str:
        return self.at("folds/")

    def fold(self, name: str) -> str:
        return self.at(f"folds/{name}")

    def pointer(self, name: str) -> str:
        return self.at(f"checkpoints/{name}.json")

    def control(self, word: str) -> str:
        return self.at(f"control/{word}.json")

    def report(self, path: str) -> str:
        return self.at(f"report/{path}")
