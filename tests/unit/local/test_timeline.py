"""What the demonstration tells of an order's events."""

from datetime import UTC, datetime, timedelta

from deploy.local.progress.event_tap import TappedEvent
from deploy.local.progress.timeline import concerns, line_of, longest_delivery_s, phases

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = "run-0123456789abcdef0123"


def tapped(name: str, at_s: float, **fields: object) -> TappedEvent:
    published_at = BEGAN + timedelta(seconds=at_s)
    return TappedEvent(
        name=name,
        subject="",
        published_at=published_at,
        received_at=published_at + timedelta(seconds=0.02),
        fields=fields,
    )


EVENTS = (
    tapped("DatasetReady", 0, dataset_id="cards", version="1"),
    tapped("DatasetValidated", 4, dataset_id="cards", version="1", image_count=64, annotation_count=128, duration_s=3),
    tapped("TrainingStarted", 9, run_id=RUN, total_epochs=2, started_at=(BEGAN + timedelta(seconds=5)).isoformat()),
    tapped("EpochCompleted", 30, run_id=RUN, epoch=1, total_epochs=2, metrics={"box_AP50": 0.5}, is_best=True),
    tapped("TrainingCompleted", 65, run_id=RUN, best_epoch=2, metrics={"box_AP50": 0.95, "other": 1.0}, duration_s=60),
    tapped("ModelExported", 75, run_id=RUN, model_id="m", version=RUN, duration_s=9.5),
)


def test_the_way_is_cut_into_what_each_part_took_and_the_rest() -> None:
    assert {phase.name: phase.seconds for phase in phases(EVENTS)} == {
        "validation": 3,
        "training, with its start and uploads": 60,
        "export, with its proofs": 9.5,
        "outside of them": 2.5,
        "from order to model": 75,
    }


def test_a_way_that_ended_early_has_only_the_parts_that_were_gone() -> None:
    assert [(phase.name, phase.seconds) for phase in phases(EVENTS[:2])] == [("validation", 3)]
    assert phases(()) == []


def test_an_order_is_known_by_its_dataset_and_then_by_its_run() -> None:
    other = tapped("EpochCompleted", 1, run_id="run-another")
    assert all(concerns(event, dataset_id="cards", version="1", run_id=RUN) for event in EVENTS)
    assert not concerns(other, dataset_id="cards", version="1", run_id=RUN)
    assert not concerns(EVENTS[2], dataset_id="cards", version="2", run_id="")


def test_progress_is_reported_with_its_figures() -> None:
    reported = [line_of(event, primary_metric="box_AP") for event in EVENTS]
    assert reported[0] is None
    assert reported[1] == "dataset accepted: 64 images, 128 annotations"
    assert "epoch   1/2" in str(reported[3])
    assert "box_AP50 0.500" in str(reported[3])
    assert str(reported[3]).endswith("best so far by box_AP")
    assert "best epoch 2 by box_AP" in str(reported[4])
    assert "other" not in str(reported[4])


def test_the_end_of_a_training_says_whether_the_model_is_fit_for_use() -> None:
    for fit, said in ((True, "; fit for use: better by 3 px"), (False, "; not fit for use: better by 3 px")):
        end = tapped("TrainingCompleted", 65, run_id=RUN, fit_for_use=fit, fit_for_use_reason="better by 3 px")
        assert str(line_of(end)).endswith(said)
    assert "fit for use" not in str(line_of(tapped("TrainingCompleted", 65, run_id=RUN)))


def test_what_went_wrong_is_reported_in_its_own_words() -> None:
    rejected = tapped("DatasetRejected", 1, findings=[{"message": "no image: 0 found"}])
    failed = tapped("TrainingFailed", 1, code="diverged", message="loss is NaN at step 12")
    assert "no image: 0 found" in str(line_of(rejected))
    assert "diverged: loss is NaN at step 12" in str(line_of(failed))


def test_the_longest_delivery_is_found() -> None:
    assert longest_delivery_s(EVENTS) == 0.02
