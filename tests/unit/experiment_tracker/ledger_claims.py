"""What holds of every ledger; the class is run over the one in memory and the one on MLflow."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from services.experiment_tracker.handlers import fact_of
from services.experiment_tracker.ledger import Ledger, LedgerRefused
from services.experiment_tracker.record import MODEL, MODEL_VERSION, Mark, Promotion, Recorded, Status
from services.experiment_tracker.recorder import Recorder
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import record_all


class LedgerClaims:
    """Each test gets the fixtures `ledger` (one that may hold other runs already) and `run_id` (a fresh one)."""

    def got(self, ledger: Ledger, run_id: str) -> Recorded:
        record = ledger.get(run_id)
        assert record is not None
        return record

    def test_a_run_without_events_is_not_on_record(self, ledger: Ledger, run_id: str) -> None:
        assert ledger.get(run_id) is None
        assert ledger.find(run_id) is None

    def test_a_finished_run_is_on_record_with_all_of_its_events(self, ledger: Ledger, run_id: str) -> None:
        record_all(ledger, run_events.whole_run(run_id))
        record = self.got(ledger, run_id)
        assert record.experiment_name == "border_detection/dual_class"
        assert record.status is Status.FINISHED
        assert record.parameters == {"hyperparameters.optimization.learning_rate": "0.001", "image_size": "160"}
        assert record.metrics["best.box_AP50"] == 0.8
        assert record.tags["mlflow.source.git.commit"] == "c0ffee"
        assert record.tags["mlflow.source.git.dirty"] == "true"
        assert record.tags["truscore.environment_digest"] == "e" * 64
        assert record.tags["truscore.dataset_digest"] == "d" * 64
        assert record.tags["truscore.attempts"] == "2"
        assert record.tags["truscore.seed"] == "7"
        assert record.artifacts["onnx"] == "s3://truscore/models/m/model.onnx"
        assert record.tags["truscore.artifact.best_checkpoint.sha256"] == "b" * 64
        assert (record.tags[MODEL], record.tags[MODEL_VERSION]) == (run_events.MODEL, record.tags[MODEL_VERSION])
        assert (record.started_at, record.ended_at) == (run_events.BEGIN_S + 2, run_events.BEGIN_S + 400)

    def test_a_sequence_published_twice_is_recorded_once(self, ledger: Ledger, run_id: str) -> None:
        record_all(ledger, run_events.whole_run(run_id))
        first, history = self.got(ledger, run_id), ledger.history(self.got(ledger, run_id))
        record_all(ledger, run_events.whole_run(run_id))
        assert self.got(ledger, run_id) == first
        assert ledger.history(first) == history
        assert history["train_loss"] == ((1, 0.5), (2, 0.5), (3, 0.5))
        page, _ = ledger.page(experiment_name="", size=1000, token="")
        assert [record.run_id for record in page].count(run_id) == 1

    @pytest.mark.parametrize("fit", [True, False])
    def test_a_model_beside_trivial_predictors_is_on_record(self, ledger: Ledger, run_id: str, fit: bool) -> None:
        events = run_events.whole_run(run_id)
        record_all(ledger, [*events[:-2], *(run_events.compared(event, fit=fit) for event in events[-2:])])
        record = self.got(ledger, run_id)
        assert record.tags["truscore.fit_for_use"] == str(fit).lower()
        assert record.tags["truscore.fit_for_use_reason"].endswith("better")
        assert record.metrics["trivial.average_instance.box_AP50"] == 0.4
        assert (record.metrics["interval.box_AP50.lower"], record.metrics["interval.box_AP50.upper"]) == (0.7, 0.9)

    def test_an_epoch_that_was_not_validated_has_no_validation_loss(self, ledger: Ledger, run_id: str) -> None:
        record_all(ledger, [run_events.started(run_id=run_id), run_events.epoch_done(1, run_id=run_id, val_loss=nan)])
        assert "val_loss" not in self.got(ledger, run_id).metrics

    def test_an_event_whose_start_was_lost_still_begins_a_record(self, ledger: Ledger, run_id: str) -> None:
        record_all(ledger, [run_events.epoch_done(2, run_id=run_id)])
        assert self.got(ledger, run_id).experiment_name == "unknown"
        assert ledger.history(self.got(ledger, run_id))["train_loss"] == ((2, 0.5),)

    def test_an_attempt_that_is_started_again_is_under_way_again(self, ledger: Ledger, run_id: str) -> None:
        events = [run_events.started(run_id=run_id), run_events.failed(run_id=run_id)]
        record_all(ledger, events)
        assert self.got(ledger, run_id).status is Status.FAILED
        assert self.got(ledger, run_id).tags["truscore.message"] == "diverged: loss is nan"
        record_all(ledger, [run_events.started(60, attempt=2, run_id=run_id)])
        assert self.got(ledger, run_id).status is Status.RUNNING
        assert self.got(ledger, run_id).ended_at is None

    def test_a_parameter_that_changed_between_attempts_is_left_as_it_was(self, ledger: Ledger, run_id: str) -> None:
        record_all(ledger, [run_events.started(run_id=run_id)])
        record_all(ledger, [run_events.started(60, attempt=2, run_id=run_id, lr="0.1")])
        assert self.got(ledger, run_id).parameters["hyperparameters.optimization.learning_rate"] == "0.001"

    def test_pages_are_newest_first_and_hold_every_record_once(self, ledger: Ledger, run_id: str) -> None:
        names = [f"{run_id}-{number}" for number in range(5)]
        recorder = Recorder(ledger)
        for number, name in enumerate(names):
            fact = fact_of(run_events.started(1000 + number, run_id=name).message)
            assert fact is not None
            recorder.record(fact, 0)
        seen: list[str] = []
        token = ""
        while True:
            page, token = ledger.page(experiment_name="border_detection/dual_class", size=2, token=token)
            seen += [record.run_id for record in page]
            if not token:
                break
        assert [name for name in seen if name in names] == names[::-1]
        assert ledger.page(experiment_name="no/such", size=2, token="") == ([], "")

    def test_a_page_token_of_somebody_else_is_refused(self, ledger: Ledger, run_id: str) -> None:
        record_all(ledger, [run_events.started(run_id=run_id)])
        with pytest.raises(LedgerRefused):
            ledger.page(experiment_name="", size=1, token="nonsense")

    def test_the_place_in_the_log_is_kept(self, ledger: Ledger) -> None:
        for mark in (Mark(offset=12, event_id="a"), Mark(offset=13, event_id="b")):
            ledger.keep_place(mark)
            assert ledger.place() == mark

    def test_the_later_promotion_counts_in_whatever_order_they_are_read(self, ledger: Ledger, run_id: str) -> None:
        model, other = f"{run_events.MODEL}.{run_id}", f"{run_id[:-1]}{'0' if run_id[-1] != '0' else '1'}"
        for each in (run_id, other):
            *before, export = run_events.whole_run(each)
            export.message.model_id = model  # type: ignore[attr-defined]
            record_all(ledger, [*before, export])
        late = Promotion(model=model, version=f"{other}.onnx.quantized", run_id=other, alias="champion", at=20)
        early = replace(late, version=run_id, run_id=run_id, at=10)
        for promotion in (early, late, late, replace(early, at=5)):
            ledger.promote(promotion)
        ledger.promote(replace(late, version=run_id, run_id=run_id, alias="challenger", at=1))
        assert ledger.aliases(model) == {"champion": f"{other}.onnx.quantized", "challenger": run_id}

    def test_what_has_no_version_is_not_promoted(self, ledger: Ledger, run_id: str) -> None:
        assert ledger.aliases(f"no.such.{run_id}") == {}
        with pytest.raises(LedgerRefused, match=r"no\.such"):
            ledger.promote(Promotion(model="no.such", version=run_id, run_id=run_id, alias="champion", at=1))
