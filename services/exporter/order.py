"""Orders to the exporter, and how it answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from truscore.metrics.comparison import Comparison
from truscore.storage import ObjectRef

from services.exporter.release import Refusal, Release


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOrder:
    """A completed run whose best checkpoint becomes a model."""

    run_id: str
    checkpoint: ObjectRef
    index: ObjectRef
    split: ObjectRef
    dataset_id: str
    dataset_version: str
    dataset_uri: str
    category: str
    option: str
    architecture: str
    metrics: Mapping[str, float]
    formats: tuple[str, ...]
    comparison: Comparison | None = None  # with trivial predictors, where the run made one

    @property
    def model_id(self) -> str:
        return f"{self.category}.{self.option}.{self.architecture}"

    @property
    def version(self) -> str:
        return self.run_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The release, where anything could be made, and every format that could not."""

    release: Release | None
    refusals: tuple[Refusal, ...]
