"""Orders to the exporter, and how it answers."""

from collections.abc import Iterable, Mapping
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
    config: ObjectRef | None = None  # the configuration that was trained; None where the order does not name it
    dataset_digest: str = ""
    report_uri: str = ""
    comparison: Comparison | None = None  # with trivial predictors, where the run made one
    # Formats ordered after the run's own export: they go into a version of their own. `request_id` tells such orders
    # apart.
    further: bool = False
    request_id: str = ""

    @property
    def model_id(self) -> str:
        return f"{self.category}.{self.option}.{self.architecture}"

    @property
    def version(self) -> str:
        return self.run_id

    def version_of(self, formats: Iterable[str]) -> str:
        """The version that has these formats: a released version is never written over."""
        return ".".join((self.run_id, *sorted(formats))) if self.further else self.version


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOutcome:
    """The release, where anything could be made, and every format that could not."""

    release: Release | None
    refusals: tuple[Refusal, ...]
