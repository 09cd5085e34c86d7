"""A ledger on an MLflow server: one MLflow run per training run, found again by its tag."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from services.experiment_tracker.ledger.errors import LedgerRefused, LedgerUnavailable
from services.experiment_tracker.record import (
    MODEL,
    MODEL_VERSION,
    RUN_ID,
    DatasetUse,
    History,
    Known,
    Mark,
    Model,
    Opening,
    Promotion,
    Recorded,
    Status,
    Writes,
    absorbed,
)

log = logging.getLogger(__name__)

OURS = "truscore.experiment"
# Pages for training in place of those for language models; whoever changed it keeps the choice.
KIND = {"mlflow.experimentKind": "custom_model_development"}
PLACE_EXPERIMENT = "truscore"
PLACE = "truscore.place"
PROMOTED = "promoted"  # the alias of a model's newest version that is fit for use
ALIAS = "truscore.alias."  # tags of a registered model: since when which version has the alias
LINEAGE_FILE = "truscore/lineage.json"
MAX_EXPERIMENTS = 1000
MAX_METRIC_NAMES = 500
# What MLflow takes in one request.
MAX_METRICS, MAX_PARAMETERS, MAX_TAGS = 1000, 100, 100
PERMANENT = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "NOT_IMPLEMENTED"}

T = TypeVar("T")


class MlflowLedger:
    """One MLflow run per run id; an MLflow run that a person deleted is left alone."""

    def __init__(self, url: str) -> None:
        # Late, because mlflow reads its settings at its import.
        import mlflow.entities
        from mlflow.exceptions import MlflowException

        self._entities = mlflow.entities
        self._error = MlflowException
        self._client = mlflow.MlflowClient(tracking_uri=url, registry_uri=url)
        self._experiment_names: dict[str, str] = {}

    def find(self, run_id: str) -> Known | None:
        with self._errors_named():
            run = self._run(run_id)
            return self._known(run) if run else None

    def open(self, opening: Opening) -> Known:
        with self._errors_named():
            experiment_id = self._experiment_id(opening.experiment_name)
            run = self._client.create_run(
                experiment_id, start_time=_ms(opening.started_at), tags=dict(opening.tags), run_name=opening.run_id
            )
            return Known(mlflow_run_id=run.info.run_id, tags=dict(run.data.tags))

    def write(self, known: Known, writes: Writes) -> Known:
        with self._errors_named():
            self._log(known.mlflow_run_id, writes)
            if writes.status is Status.RUNNING:
                self._client.update_run(known.mlflow_run_id, status=str(Status.RUNNING))
            elif writes.status is not None:
                self._client.set_terminated(known.mlflow_run_id, str(writes.status), _ms(writes.ended_at))
            known = absorbed(known, writes)
            if writes.model is not None:
                known = self._register(known, writes.model)
        files = {LINEAGE_FILE: writes.lineage, **writes.files} if writes.lineage is not None else writes.files
        for path, content in files.items():
            self._attach(known.mlflow_run_id, path, content)
        return known

    def promote(self, promotion: Promotion) -> None:
        with self._errors_named():
            if (there := self._promoted(promotion.model).get(promotion.alias)) and there[0] > promotion.at:
                return
            run = self._run(promotion.run_id)
            of_run = f"name = '{promotion.model}' and run_id = '{run.info.run_id}'" if run else ""
            versions = self._client.search_model_versions(of_run, max_results=1) if run else []
            if not versions:
                raise LedgerRefused(f"model {promotion.model!r} has no version of run {promotion.run_id!r}")
            self._client.set_registered_model_alias(promotion.model, promotion.alias, str(versions[0].version))
            value = f"{promotion.at:.6f}/{promotion.version}"
            self._client.set_registered_model_tag(promotion.model, f"{ALIAS}{promotion.alias}", value)

    def aliases(self, model: str) -> dict[str, str]:
        with self._errors_named():
            return {alias: version for alias, (_, version) in self._promoted(model).items()}

    def _promoted(self, model: str) -> dict[str, tuple[float, str]]:
        """When, and which version, by alias."""
        try:
            tags = self._client.get_registered_model(model).tags
        except self._error as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise
        parts = {name.removeprefix(ALIAS): tag.partition("/") for name, tag in tags.items() if name.startswith(ALIAS)}
        return {alias: (float(at), version) for alias, (at, _, version) in parts.items()}

    def page(self, *, experiment_name: str, size: int, token: str) -> tuple[list[Recorded], str]:
        with self._errors_named():
            self._learn_experiments()
            ids = [key for key, name in self._experiment_names.items() if experiment_name in ("", name)]
            if not ids:
                return [], ""
            found = self._client.search_runs(
                ids, f"tags.`{RUN_ID}` LIKE '%'", max_results=size, order_by=["attributes.start_time DESC"],
                page_token=token or None,
            )  # fmt: skip
            return [self._recorded(run) for run in found], found.token or ""

    def get(self, run_id: str) -> Recorded | None:
        with self._errors_named():
            run = self._run(run_id)
            return self._recorded(run) if run and run.info.lifecycle_stage == "active" else None

    def history(self, record: Recorded) -> History:
        with self._errors_named():
            return {name: self._points(record.mlflow_run_id, name) for name in _first(record.metrics)}

    def place(self) -> Mark | None:
        with self._errors_named():
            experiment = self._client.get_experiment_by_name(PLACE_EXPERIMENT)
            offset, _, event_id = (experiment.tags.get(PLACE, "") if experiment else "").partition(":")
            return Mark(offset=int(offset), event_id=event_id) if offset.isdigit() and event_id else None

    def keep_place(self, mark: Mark) -> None:
        with self._errors_named():
            experiment_id = self._experiment_id(PLACE_EXPERIMENT)
            self._client.set_experiment_tag(experiment_id, PLACE, f"{mark.offset}:{mark.event_id}")

    def _run(self, run_id: str) -> Any:
        """The oldest MLflow run with the tag, deleted ones too; None where there is none."""
        self._learn_experiments()
        found = self._client.search_runs(
            list(self._experiment_names), f"tags.`{RUN_ID}` = '{run_id}'", run_view_type=self._entities.ViewType.ALL,
            max_results=1, order_by=["attributes.start_time ASC"],
        ) if self._experiment_names else []  # fmt: skip
        return found[0] if found else None

    def _known(self, run: Any) -> Known:
        names = _first(run.data.metrics)
        return Known(
            mlflow_run_id=run.info.run_id,
            status=Status(run.info.status),
            tags=dict(run.data.tags),
            parameters=frozenset(run.data.params),
            logged=frozenset((name, step) for name in names for step, _ in self._points(run.info.run_id, name)),
            withdrawn=run.info.lifecycle_stage != "active",
        )

    def _points(self, mlflow_run_id: str, name: str) -> tuple[tuple[int, float], ...]:
        """The history of a metric by epoch; of repeats the first."""
        values: dict[int, float] = {}
        for metric in sorted(self._client.get_metric_history(mlflow_run_id, name), key=lambda each: each.timestamp):
            values.setdefault(metric.step, metric.value)
        return tuple(sorted(values.items()))

    def _recorded(self, run: Any) -> Recorded:
        status = Status(run.info.status)
        return Recorded(
            run_id=run.data.tags[RUN_ID],
            mlflow_run_id=run.info.run_id,
            experiment_name=self._experiment_names[run.info.experiment_id],
            status=status,
            parameters=dict(run.data.params),
            metrics=dict(run.data.metrics),
            tags=dict(run.data.tags),
            started_at=run.info.start_time / 1000,
            ended_at=run.info.end_time / 1000 if run.info.end_time and status is not Status.RUNNING else None,
        )

    def _log(self, mlflow_run_id: str, writes: Writes) -> None:
        make = self._entities
        parameters = [make.Param(name, value) for name, value in writes.parameters.items()]
        tags = [make.RunTag(name, value) for name, value in writes.tags.items()]
        metrics = [make.Metric(each.name, each.value, _ms(each.at), each.step) for each in writes.values]
        batches = (_chunks(metrics, MAX_METRICS), _chunks(parameters, MAX_PARAMETERS), _chunks(tags, MAX_TAGS))
        for some_metrics, some_parameters, some_tags in _side_by_side(*batches):
            self._client.log_batch(mlflow_run_id, some_metrics, some_parameters, some_tags, synchronous=True)
        if writes.dataset is not None:
            self._client.log_inputs(mlflow_run_id, [self._input(writes.dataset)])

    def _input(self, dataset: DatasetUse) -> Any:
        make = self._entities
        return make.DatasetInput(
            dataset=make.Dataset(name=dataset.name, digest=dataset.digest, source_type="s3", source=dataset.source),
            tags=[make.InputTag("mlflow.data.context", "training")],
        )

    def _register(self, known: Known, model: Model) -> Known:
        self._unless_there(lambda: self._client.create_registered_model(model.name))
        same = f"name = '{model.name}' and run_id = '{known.mlflow_run_id}'"
        there = self._client.search_model_versions(same, max_results=1)
        made = there[0] if there else self._client.create_model_version(
            model.name, model.source, run_id=known.mlflow_run_id, tags=dict(model.tags), await_creation_for=0
        )  # fmt: skip
        if model.promoted:
            self._client.set_registered_model_alias(model.name, PROMOTED, str(made.version))
        named = Writes(tags={MODEL: model.name, MODEL_VERSION: str(made.version)})
        self._log(known.mlflow_run_id, named)
        return absorbed(known, named)

    def _attach(self, mlflow_run_id: str, path: str, content: Mapping[str, object]) -> None:
        """A file beside the tags, for who downloads the run. Some servers' artifact stores are not ours to write."""
        try:
            self._client.log_dict(mlflow_run_id, dict(sorted(content.items())), path)
        except (self._error, OSError, ImportError) as error:
            log.warning("%s of MLflow run %s not stored: %s", path, mlflow_run_id, error)

    def _learn_experiments(self) -> None:
        found = self._client.search_experiments(max_results=MAX_EXPERIMENTS, filter_string=f"tags.`{OURS}` = 'yes'")
        self._experiment_names = {each.experiment_id: each.name for each in found}

    def _experiment_id(self, name: str) -> str:
        there = self._client.get_experiment_by_name(name)
        if there is None:
            self._unless_there(lambda: self._client.create_experiment(name, tags={OURS: "yes", **KIND}))
            there = self._client.get_experiment_by_name(name)
        if there is None:
            raise LedgerUnavailable(f"MLflow has no experiment {name!r} although it was made")
        if there.lifecycle_stage != "active":
            self._client.restore_experiment(there.experiment_id)
        for tag, value in (
            {OURS: "yes"} | {name: value for name, value in KIND.items() if name not in there.tags}
        ).items():
            if there.tags.get(tag) != value:
                self._client.set_experiment_tag(there.experiment_id, tag, value)
        self._experiment_names[there.experiment_id] = name
        return str(there.experiment_id)

    def _unless_there(self, make: Callable[[], object]) -> None:
        try:
            make()
        except self._error as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            kind = LedgerRefused if error.error_code in PERMANENT else LedgerUnavailable
            raise kind(f"MLflow: {error.error_code}: {error.message}") from error
        except OSError as error:
            raise LedgerUnavailable(f"MLflow: {error!r}") from error


def _ms(at: float) -> int:
    return round(at * 1000)


def _first(metrics: Mapping[str, float]) -> list[str]:
    return sorted(metrics)[:MAX_METRIC_NAMES]


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[first : first + size] for first in range(0, len(items), size)]


def _side_by_side(*chunked: Sequence[Sequence[Any]]) -> Iterator[tuple[Sequence[Any], ...]]:
    for number in range(max(map(len, chunked))):
        yield tuple(chunks[number] if number < len(chunks) else () for chunks in chunked)
