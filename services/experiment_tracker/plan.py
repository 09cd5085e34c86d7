"""What an event adds to the record of its run, given what is there already: nothing where it was received before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isnan

from truscore.storage import ObjectRef

from services.experiment_tracker.facts import (
    Cancelled,
    Completed,
    EpochDone,
    Evaluated,
    Exported,
    ExportFailed,
    Failed,
    Paused,
    Progressed,
    RunFact,
    Sampled,
    Started,
)
from services.experiment_tracker.record import (
    ARTIFACT,
    ATTEMPT,
    ATTEMPT_STARTED,
    EVALUATED,
    EVALUATION_FILE,
    FIT_FOR_USE,
    FIT_REASON,
    GIT_COMMIT,
    GIT_DIRTY,
    MESSAGE,
    MODEL,
    RUN_ID,
    STATE,
    DatasetUse,
    Known,
    Model,
    Opening,
    Status,
    Value,
    Writes,
)
from services.experiment_tracker.step_metrics import step_values
from services.experiment_tracker.system_metrics import system_values

UNKNOWN_EXPERIMENT = "unknown"
MAX_NAME_CHARS = 250
MAX_PARAMETER_CHARS = 6000
MAX_TAG_CHARS = 5000
MAX_DIGEST_CHARS = 36  # what MLflow takes for a dataset's digest
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.\-/ ]")


def opening_of(fact: RunFact, at: float) -> Opening:
    """How the record of a run begins, with whichever of its events is received first."""
    named = f"{fact.category}/{fact.option}" if isinstance(fact, Started | Completed | Exported) else UNKNOWN_EXPERIMENT
    return Opening(
        run_id=fact.run_id,
        experiment_name=named,
        started_at=(fact.started_at or at) if isinstance(fact, Started) else at,
        tags={
            RUN_ID: fact.run_id,
            "mlflow.runName": fact.run_id,
            # Without a source MLflow's page shows no commit.
            "mlflow.source.name": "truscore",
            "mlflow.source.type": "JOB",
        },
    )


def writes_for(fact: RunFact, known: Known, at: float) -> Writes:
    """What is still to be written for the fact; nothing where a person withdrew the record."""
    writes = Writes() if known.withdrawn else _writes_for(fact, known, at)
    if not any(name.startswith(ARTIFACT) for name in writes.tags):
        return writes
    tags = {**known.tags, **writes.tags}
    return replace(writes, lineage={name: tag for name, tag in tags.items() if not name.startswith("mlflow.")})


def _writes_for(fact: RunFact, known: Known, at: float) -> Writes:  # noqa: PLR0911
    match fact:
        case Started():
            return _start(fact, known, at)
        case Progressed():
            values = (replace(each, name=_name(each.name)) for each in step_values(fact, at))
            return Writes(values=_new(values, known))
        case EpochDone():
            return Writes(values=_new(_epoch_values(fact, at), known))
        case Evaluated():
            return _evaluation(fact, known, at)
        case Sampled():
            return Writes(values=system_values(fact, known))
        case Completed():
            return _completion(fact, known, at)
        case Failed():
            tags = {STATE: "failed", MESSAGE: f"{fact.code}: {fact.message}"}
            return _final_writes(fact.attempt, Status.FAILED, tags, known, at)
        case Cancelled():
            return _final_writes(fact.attempt, Status.KILLED, {STATE: "cancelled", MESSAGE: fact.reason}, known, at)
        case Paused():
            if known.status is not Status.RUNNING:
                return Writes()
            return _final_writes(fact.attempt, None, {STATE: "paused"}, known, at)
        case Exported():
            return _model(fact, known)
        case ExportFailed():
            return Writes(tags=_changed({f"truscore.export.{fact.format}": f"{fact.code}: {fact.message}"}, known))


def _start(fact: Started, known: Known, at: float) -> Writes:
    if fact.attempt <= _attempt(known):
        return Writes()
    goes_on = known.tags.get(STATE) not in {"completed", "exported"}
    tags = {
        "truscore.dataset_id": fact.dataset_id,
        "truscore.dataset_version": fact.dataset_version,
        "truscore.dataset_digest": fact.dataset_digest,
        "truscore.category": fact.category,
        "truscore.option": fact.option,
        "truscore.architecture": fact.architecture,
        "truscore.seed": str(fact.seed),
        "truscore.host": fact.host,
        "truscore.device": fact.device,
        "truscore.world_size": str(fact.world_size),
        "truscore.total_epochs": str(fact.total_epochs),
        GIT_COMMIT: fact.git_commit,
        **({GIT_DIRTY: str(fact.git_dirty).lower()} if fact.git_commit else {}),
        "truscore.environment_digest": fact.environment_digest,
        ATTEMPT: str(fact.attempt),
        ATTEMPT_STARTED: f"{at:.3f}",
        **_references(config=fact.config),
        **({STATE: "training", MESSAGE: ""} if goes_on else {}),
    }
    parameters = {_name(name): value[:MAX_PARAMETER_CHARS] for name, value in sorted(fact.parameters.items())}
    return Writes(
        tags=_changed(tags, known),
        # A parameter can't be changed once it is logged; attempts of a run have the same ones.
        parameters={name: value for name, value in parameters.items() if name not in known.parameters},
        status=Status.RUNNING if goes_on and known.status is not Status.RUNNING else None,
        dataset=DatasetUse(
            name=fact.dataset_id,
            digest=fact.dataset_digest[:MAX_DIGEST_CHARS] or fact.dataset_version,
            source=json.dumps({"dataset_id": fact.dataset_id, "version": fact.dataset_version}),
        ),
    )


def _epoch_values(fact: EpochDone, at: float) -> Iterable[Value]:
    values = {
        "train_loss": fact.train_loss,
        "learning_rate": fact.learning_rate,
        "duration_s": fact.duration_s,
        "images_per_second": fact.images_per_second,
        **({} if isnan(fact.val_loss) else {"val_loss": fact.val_loss}),
        **{_name(name): value for name, value in sorted(fact.metrics.items())},
    }
    return [Value(name=name, step=fact.epoch, value=value, at=at) for name, value in values.items()]


def _evaluation(fact: Evaluated, known: Known, at: float) -> Writes:
    """Of several attempts the last one's curves are kept."""
    if fact.attempt <= int(known.tags.get(EVALUATED, 0)):
        return Writes()
    values = (
        Value(name=f"custom.{_name(name)}", step=fact.epoch, value=value, at=at)
        for name, value in sorted(fact.custom_metrics.items())
    )
    return Writes(
        tags={EVALUATED: str(fact.attempt)}, values=_new(values, known), files={EVALUATION_FILE: fact.content}
    )


def _completion(fact: Completed, known: Known, at: float) -> Writes:
    best = {f"best.{_name(name)}": value for name, value in sorted(fact.metrics.items())}
    tags = {
        "truscore.dataset_digest": fact.dataset_digest,
        "truscore.attempts": str(fact.attempts),
        "truscore.best_epoch": str(fact.best_epoch),
        "truscore.epochs": str(fact.epochs),
        "truscore.weights_sha256": fact.weights_sha256,
        "truscore.duration_s": f"{fact.duration_s:.1f}",
        MESSAGE: "",
        **_references(
            best_checkpoint=fact.best_checkpoint,
            config=fact.config,
            dataset_index=fact.dataset_index,
            split=fact.split,
            report=ObjectRef(uri=fact.report_uri),
        ),
        **({} if known.tags.get(STATE) == "exported" else {STATE: "completed"}),
        **_fitness_tags(fact),
    }
    comparison = fact.trivial_comparison
    best |= {
        f"trivial.{predictor.name}.{_name(name)}": value
        for predictor in comparison.predictors
        for name, value in sorted(predictor.metrics.items())
    }
    for interval in comparison.intervals:
        best |= {
            f"interval.{_name(interval.metric)}.lower": interval.lower,
            f"interval.{_name(interval.metric)}.upper": interval.upper,
        }
    values = (Value(name=name, step=fact.best_epoch, value=value, at=at) for name, value in best.items())
    finished = known.status is Status.FINISHED
    return Writes(
        tags=_changed(tags, known),
        values=_new(values, known),
        status=None if finished else Status.FINISHED,
        ended_at=at,
    )


def _fitness_tags(fact: Completed | Exported) -> dict[str, str]:
    if fact.fit_for_use is None:
        return {}
    return {FIT_FOR_USE: str(fact.fit_for_use).lower(), FIT_REASON: fact.fit_for_use_reason}


def _final_writes(attempt: int, status: Status | None, tags: Mapping[str, str], known: Known, at: float) -> Writes:
    """An end or halt holds unless a later attempt was started or the run has come to its good end."""
    overtaken = attempt < _attempt(known) and not (attempt == 0 and at > float(known.tags.get(ATTEMPT_STARTED, 0)))
    if overtaken or known.tags.get(STATE) in {"completed", "exported"}:
        return Writes()
    return Writes(
        tags=_changed(tags, known),
        status=status if status is not known.status else None,
        ended_at=at,
    )


def _model(fact: Exported, known: Known) -> Writes:
    artifacts = {each.format: ObjectRef(uri=each.uri, sha256=each.sha256) for each in fact.artifacts}
    package = ObjectRef(uri=fact.package_uri, sha256=fact.package_sha256)
    tags = {
        "truscore.dataset_id": fact.dataset_id,
        "truscore.dataset_version": fact.dataset_version,
        "truscore.category": fact.category,
        "truscore.option": fact.option,
        "truscore.architecture": fact.architecture,
        STATE: "exported",
        **_fitness_tags(fact),
        **_references(package=package, **artifacts),
    }
    model = Model(
        name=fact.model_id,
        source=fact.package_uri,
        run_id=fact.run_id,
        promoted=fact.fit_for_use is True,
        tags={
            RUN_ID: fact.run_id,
            "truscore.version": fact.version,
            "truscore.dataset_id": fact.dataset_id,
            "truscore.dataset_version": fact.dataset_version,
            "truscore.package_sha256": fact.package_sha256,
            **_fitness_tags(fact),
            **{f"truscore.{name}_sha256": each.sha256 for name, each in artifacts.items()},
        },
    )
    return Writes(tags=_changed(tags, known), model=None if known.tags.get(MODEL) == fact.model_id else model)


def _attempt(known: Known) -> int:
    return int(known.tags.get(ATTEMPT, 0))


def _references(**references: ObjectRef) -> dict[str, str]:
    uris = {f"{ARTIFACT}{_name(name)}.uri": each.uri for name, each in references.items() if each.uri}
    digests = {f"{ARTIFACT}{_name(name)}.sha256": each.sha256 for name, each in references.items() if each.sha256}
    return uris | digests


def _changed(tags: Mapping[str, str], known: Known) -> dict[str, str]:
    clipped = {_name(name): value[:MAX_TAG_CHARS] for name, value in tags.items()}
    return {name: value for name, value in clipped.items() if known.tags.get(name, "") != value}


def _new(values: Iterable[Value], known: Known) -> tuple[Value, ...]:
    return tuple(value for value in values if (value.name, value.step) not in known.logged)


def _name(name: str) -> str:
    """The name in the characters that MLflow accepts."""
    return _NOT_IN_NAMES.sub("_", name).strip("/. ")[:MAX_NAME_CHARS] or "_"
