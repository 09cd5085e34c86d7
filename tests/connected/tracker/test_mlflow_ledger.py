"""The ledger on a real MLflow server, held to what holds of every ledger, and to what only MLflow has."""

from __future__ import annotations

import uuid
from math import inf, nan

import mlflow
import pytest
from mlflow.entities import ViewType

from services.experiment_tracker.ledger import LedgerUnavailable, MlflowLedger
from services.experiment_tracker.record import Opening, Value, Writes
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.ledger_claims import LedgerClaims
from tests.unit.experiment_tracker.run_events import record_all

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]


@pytest.fixture
def ledger(mlflow_url: str) -> MlflowLedger:
    return MlflowLedger(mlflow_url)


@pytest.fixture
def run_id() -> str:
    return f"run-{uuid.uuid4().hex[:20]}"


@pytest.fixture
def page(mlflow_url: str) -> mlflow.MlflowClient:
    """MLflow as a person sees it."""
    return mlflow.MlflowClient(tracking_uri=mlflow_url, registry_uri=mlflow_url)


def opening(run_id: str, experiment_name: str) -> Opening:
    return Opening(run_id=run_id, experiment_name=experiment_name, started_at=1, tags={"truscore.run_id": run_id})


class TestMlflowLedger(LedgerClaims):
    """All that holds of every ledger."""


def test_a_model_is_registered_once_with_its_run_and_package(
    ledger: MlflowLedger, page: mlflow.MlflowClient, run_id: str
) -> None:
    for _ in range(2):
        record_all(ledger, run_events.whole_run(run_id))
    record = ledger.get(run_id)
    assert record is not None
    (version,) = page.search_model_versions(f"name = '{run_events.MODEL}' and run_id = '{record.mlflow_run_id}'")
    assert version.source == "s3://truscore/models/m/package.tar"
    assert version.tags["truscore.run_id"] == run_id
    assert version.tags["truscore.package_sha256"] == "a" * 64
    assert version.version == record.tags["truscore.model_version"]


def test_the_run_shows_its_dataset_and_carries_its_lineage_as_a_file(
    ledger: MlflowLedger, page: mlflow.MlflowClient, run_id: str
) -> None:
    record_all(ledger, run_events.whole_run(run_id))
    record = ledger.get(run_id)
    assert record is not None
    run = page.get_run(record.mlflow_run_id)
    assert run.info.run_name == run_id
    assert run.inputs is not None
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("cards", "d" * 36)
    files = [file.path for file in page.list_artifacts(record.mlflow_run_id, "truscore")]
    assert sorted(files) == ["truscore/evaluation.json", "truscore/lineage.json"]


def test_every_epoch_has_each_metric_once_in_mlflow_itself(
    ledger: MlflowLedger, page: mlflow.MlflowClient, run_id: str
) -> None:
    for _ in range(3):
        record_all(ledger, run_events.whole_run(run_id))
    record = ledger.get(run_id)
    assert record is not None
    for name in record.metrics:
        steps = [metric.step for metric in page.get_metric_history(record.mlflow_run_id, name)]
        once = name.startswith(("best.", "custom.", "system/"))
        assert len(steps) == 1 if once else steps == [1, 2, 3], name


def test_more_than_mlflow_takes_at_once_is_written_in_parts(ledger: MlflowLedger, run_id: str) -> None:
    known = ledger.open(
        Opening(run_id=run_id, experiment_name="big/one", started_at=1, tags={"truscore.run_id": run_id})
    )
    ledger.write(
        known,
        Writes(
            parameters={f"parameter {number}": "v" for number in range(150)},
            tags={f"tag {number}": "v" for number in range(150)},
            values=tuple(Value(name="loss", step=step, value=1 / step, at=step) for step in range(1, 1501)),
        ),
    )
    record = ledger.get(run_id)
    assert record is not None
    assert len(record.parameters) == 150
    assert len(ledger.history(record)["loss"]) == 1500


def test_a_loss_that_is_no_number_is_recorded_as_such(ledger: MlflowLedger, run_id: str) -> None:
    known = ledger.open(
        Opening(run_id=run_id, experiment_name="odd/one", started_at=1, tags={"truscore.run_id": run_id})
    )
    values = tuple(Value(name="loss", step=step, value=value, at=1) for step, value in enumerate((nan, inf, -inf), 1))
    ledger.write(known, Writes(values=values))
    found = ledger.find(run_id)
    assert found is not None
    assert found.logged == {("loss", 1), ("loss", 2), ("loss", 3)}


def test_a_run_that_a_person_deleted_stays_deleted(
    ledger: MlflowLedger, page: mlflow.MlflowClient, run_id: str
) -> None:
    record_all(ledger, run_events.whole_run(run_id)[:3])
    record = ledger.get(run_id)
    assert record is not None
    page.delete_run(record.mlflow_run_id)
    record_all(ledger, run_events.whole_run(run_id))
    assert ledger.get(run_id) is None
    experiment = page.get_experiment_by_name("border_detection/dual_class")
    assert experiment is not None
    found = page.search_runs([experiment.experiment_id], f"tags.`truscore.run_id` = '{run_id}'", ViewType.ALL)
    assert len(found) == 1


def test_an_mlflow_that_does_not_answer_is_unavailable(run_id: str) -> None:
    with pytest.raises(LedgerUnavailable, match="MLflow"):
        MlflowLedger("http://127.0.0.1:9").find(run_id)
