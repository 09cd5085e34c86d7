"""What a model comes from and what a dataset led to, as a graph. Pure.

The JSON form is OpenLineage's (run events of version 2-0-2: https://openlineage.io/spec/2-0-2/OpenLineage.json): a run
has its dataset as input, and checkpoint and model files as outputs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

PRODUCER = "urn:truscore:experiment-tracker"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
VERSION_FACET = "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json"
_RUNS = UUID("0c1f6f6e-3f5c-5e0b-9a0e-6f3a1d8a2b47")
_EVENT_TYPES = {"running": "RUNNING", "finished": "COMPLETE", "failed": "FAIL", "cancelled": "ABORT"}
# What a run writes before it has a model; all else of its artefacts is of the model.
_OF_TRAINING = ("config", "dataset_index", "split", "report", "best_checkpoint")


@dataclass(frozen=True, kw_only=True, slots=True)
class Traced:
    """A run on record and what is around it: its dataset, what it wrote (address and SHA-256 by name), its model."""

    run_id: str
    status: str
    job: str  # "category/option/architecture"
    dataset: str  # "dataset/version"
    dataset_digest: str
    git_commit: str
    git_dirty: bool  # files of the source differed from it
    environment_digest: str
    artifacts: Mapping[str, tuple[str, str]]
    model: str  # "model/version"; empty before the export
    fit_for_use: str  # "true", "false", or empty where nobody said
    aliases: tuple[str, ...]  # "champion", "challenger"
    started_at: datetime
    ended_at: datetime | None

    @property
    def of_training(self) -> Iterator[tuple[str, tuple[str, str]]]:
        return ((name, self.artifacts[name]) for name in _OF_TRAINING if name in self.artifacts)

    @property
    def of_model(self) -> Iterator[tuple[str, tuple[str, str]]]:
        return ((name, place) for name, place in sorted(self.artifacts.items()) if name not in _OF_TRAINING)


def related(runs: Iterable[Traced], reference: str) -> list[Traced]:
    """Runs that a run id, "dataset/version", dataset, dataset digest, "model/version" or model names."""
    return [run for run in runs if reference in _names(run)]


def _names(run: Traced) -> frozenset[str]:
    named = {run.run_id, run.dataset, run.dataset_digest, run.dataset.rpartition("/")[0]}
    named |= {run.model, run.model.rpartition("/")[0]} if run.model else set()
    named |= {uri for uri, _ in run.artifacts.values()} | {digest for _, digest in run.artifacts.values()}
    return frozenset(named - {""})


def openlineage(runs: Sequence[Traced]) -> list[dict[str, Any]]:
    """One run event for each."""
    return [_event(run) for run in runs]


def _event(run: Traced) -> dict[str, Any]:
    about = {
        "run_id": run.run_id,
        "git_commit": run.git_commit,
        "git_dirty": run.git_dirty,
        "environment_digest": run.environment_digest,
        "model": run.model,
        "fit_for_use": run.fit_for_use,
        "aliases": list(run.aliases),
        **_facet(f"{PRODUCER}/run"),
    }
    version = {"datasetVersion": run.dataset_digest or run.dataset.rpartition("/")[2], **_facet(VERSION_FACET)}
    return {
        "eventType": _EVENT_TYPES[run.status],
        "eventTime": (run.ended_at or run.started_at).isoformat(),
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": str(uuid5(_RUNS, run.run_id)), "facets": {"truscore_run": about}},
        "job": {"namespace": "truscore", "name": run.job},
        "inputs": [{"namespace": "truscore", "name": run.dataset, "facets": {"version": version}}],
        "outputs": [_output(name, *place) for name, place in (*run.of_training, *run.of_model)],
    }


def _output(name: str, uri: str, sha256: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    facet = {"kind": name, "sha256": sha256, **_facet(f"{PRODUCER}/artifact")}
    return {
        "namespace": f"{parts.scheme}://{parts.netloc}",
        "name": parts.path.lstrip("/"),
        "facets": {"truscore_artifact": facet},
    }


def _facet(schema: str) -> dict[str, str]:
    return {"_producer": PRODUCER, "_schemaURL": schema}
