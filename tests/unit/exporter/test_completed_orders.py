"""TrainingCompleted in, answers out, without a broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from truscore.bus import Envelope, HandBack, MemoryPublisher, Poison
from truscore.events.v1.model_pb2 import ExportFailed, ExportOrdered, ModelExported
from truscore.events.v1.training_pb2 import ObjectRef, TrainingCompleted

from services.exporter.handlers import Exports, on_export_ordered, on_training_completed
from services.exporter.handlers.consume import order_of
from services.exporter.inputs import Unexportable
from services.exporter.manifest import release_from_json, release_to_json
from services.exporter.model_card import model_card
from services.exporter.order import ExportOrder, ExportOutcome
from services.exporter.release import Refusal, Release

MakeRelease = Callable[..., Release]


def completed() -> TrainingCompleted:
    def reference(name: str) -> ObjectRef:
        return ObjectRef(uri=f"s3://runs/{name}", sha256="c" * 64)

    return TrainingCompleted(
        run_id="run-1",
        best_checkpoint=reference("checkpoint.pt"),
        dataset_id="cards",
        dataset_version="1",
        dataset_uri="s3://cards/v1/",
        category="border_detection",
        option="dual_class",
        architecture="mask_rcnn",
        dataset_index=reference("index.json"),
        split=reference("split.json"),
        export_formats=["onnx"],
    )


def envelope() -> Envelope:
    return Envelope(
        event_id="1",
        type="truscore.events.v1.TrainingCompleted",
        source="truscore/trainer",
        subject="run-1",
        time=datetime.now(tz=UTC),
        correlation_id="run-1",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        delivery=1,
    )


@asynccontextmanager
async def no_sampling(_run_id: str) -> AsyncIterator[None]:
    yield


class Harness:
    """The handler with an exporter that answers as the test wants."""

    def __init__(self, outcome: ExportOutcome | None) -> None:
        self.publisher = MemoryPublisher(service="exporter")
        self.draining = asyncio.Event()
        self.taken_up = asyncio.Event()
        self._outcome = outcome
        exports = Exports(
            export=self._export,
            address=lambda model, version, name: f"s3://truscore/models/{model}/{version}/{name}",
            publisher=self.publisher,
            working=no_sampling,
            draining=self.draining,
            completion=self._completion,
        )
        self.handle, self.handle_order = on_training_completed(exports), on_export_ordered(exports)
        self.orders: list[ExportOrder] = []

    def _completion(self, run_id: str) -> bytes:
        if run_id != "run-1":
            raise Unexportable("unknown_run", f"run {run_id} is not known")
        return completed().SerializeToString()

    async def _export(self, order: ExportOrder) -> ExportOutcome:
        self.orders.append(order)
        self.taken_up.set()
        if self._outcome is None:
            await asyncio.Event().wait()
        return self._outcome or ExportOutcome(release=None, refusals=())


async def test_a_release_is_announced_with_addresses_digests_and_proofs(release_with: MakeRelease) -> None:
    harness = Harness(ExportOutcome(release=release_with(package_sha256="f" * 64), refusals=()))
    await harness.handle(completed(), envelope())
    ((event, published),) = harness.publisher.published
    assert isinstance(event, ModelExported)
    (artifact,) = event.artifacts
    assert artifact.uri == "s3://truscore/models/border_detection.dual_class.mask_rcnn/run-1/model.onnx"
    assert (artifact.sha256, artifact.size_bytes) == ("a" * 64, 1234)
    assert artifact.parity.passed
    assert artifact.parity.tolerance["boxes"] == 0.25
    assert artifact.benchmark.eager_latency_ms_p50 == 20.0
    assert list(artifact.signature.class_names) == ["outer_border", "graphical_border"]
    assert event.package_uri.endswith("/package.tar")
    assert event.package_sha256 == "f" * 64
    assert published.correlation_id == "run-1"
    assert published.traceparent is not None
    assert published.traceparent.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"


async def test_what_a_run_reports_of_its_model_beside_trivial_predictors_is_announced_with_it(
    release_with: MakeRelease,
) -> None:
    message = completed()
    message.fit_for_use, message.fit_for_use_reason = False, "edge_error_all_px is 27, not better"
    message.trivial_comparison.purpose_metrics.append("edge_error_all_px")
    message.trivial_comparison.predictors.add(name="average_border", metrics={"edge_error_all_px": 14.6})
    message.trivial_comparison.intervals.add(metric="edge_error_all_px", lower=22, upper=33)
    message.trivial_comparison.groups, message.trivial_comparison.resamples = 29, 500
    # By way of the manifest, which is what a release is announced from the second time.
    made = release_with(comparison=order_of(message).comparison, metrics={"edge_error_all_px": 27.0})
    release = release_from_json(release_to_json(made))
    harness = Harness(ExportOutcome(release=release, refusals=()))
    await harness.handle(message, envelope())
    ((event, _),) = harness.publisher.published
    assert isinstance(event, ModelExported)
    assert (event.HasField("fit_for_use"), event.fit_for_use) == (True, False)
    assert event.fit_for_use_reason == message.fit_for_use_reason
    assert event.trivial_comparison == message.trivial_comparison
    card = model_card(release)
    assert "**Not fit for use**: edge_error_all_px is 27, not better." in card
    assert "| edge_error_all_px | 27.0000 | 22.0000 to 33.0000 | 14.6000 |" in card


async def test_a_model_of_which_nothing_was_reported_is_neither_fit_nor_unfit(release_with: MakeRelease) -> None:
    assert order_of(completed()).comparison is None
    harness = Harness(ExportOutcome(release=release_with(), refusals=()))
    await harness.handle(completed(), envelope())
    ((event, _),) = harness.publisher.published
    assert isinstance(event, ModelExported)
    assert not event.HasField("fit_for_use")
    assert "it for use" not in model_card(release_with())


async def test_what_could_be_made_is_announced_before_what_could_not(release_with: MakeRelease) -> None:
    release = release_with()
    harness = Harness(ExportOutcome(release=release, refusals=release.refusals))
    await harness.handle(completed(), envelope())
    exported, failed = (event for event, _ in harness.publisher.published)
    assert isinstance(exported, ModelExported)
    assert isinstance(failed, ExportFailed)
    assert (failed.format, failed.code, failed.model_id) == ("stone", "unsupported_format", release.model_id)


async def test_the_same_order_twice_is_answered_with_the_same_events(release_with: MakeRelease) -> None:
    release = release_with(exported_at="2026-02-03T04:05:06.789000+00:00")
    harness = Harness(
        ExportOutcome(release=release, refusals=(*release.refusals, Refusal(format="x", code="c", message="m")))
    )
    await harness.handle(completed(), envelope())
    await harness.handle(completed(), envelope())
    reported = [(published.event_id, published.time, event) for event, published in harness.publisher.published]
    assert reported[:3] == reported[3:]
    assert len({event_id for event_id, _, _ in reported}) == 3
    assert {time for _, time, _ in reported} == {datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)}


async def test_an_order_in_hand_goes_back_when_the_service_drains() -> None:
    harness = Harness(None)
    handling = asyncio.ensure_future(harness.handle(completed(), envelope()))
    await harness.taken_up.wait()
    harness.draining.set()
    with pytest.raises(HandBack):
        await handling
    assert not harness.publisher.published


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"run_id": ""}, "run_id"),
        ({"run_id": "../up"}, "run_id"),
        ({"architecture": "a/b"}, "architecture"),
        ({"dataset_uri": "file:///etc"}, "dataset_uri"),
        ({"best_checkpoint": ObjectRef()}, "best_checkpoint.uri"),
        ({"split": ObjectRef(uri="s3://a/b", sha256="short")}, "split.sha256"),
    ],
)
def test_an_order_with_a_field_missing_or_unusable_is_poison_that_names_it(
    change: dict[str, object], named: str
) -> None:
    message = completed()
    for name, value in change.items():
        if isinstance(value, ObjectRef):
            getattr(message, name).CopyFrom(value)
        else:
            setattr(message, name, value)
    with pytest.raises(Poison, match=f"TrainingCompleted.{named}.*accepted"):
        order_of(message)


def test_an_order_is_read_whole(order: ExportOrder) -> None:
    assert replace(order_of(completed()), metrics={}).model_id == order.model_id
    assert order_of(completed()).formats == ("onnx",)


async def test_a_further_format_is_announced_as_a_version_and_an_event_of_its_own(release_with: MakeRelease) -> None:
    both = release_with(version="run-1.onnx.quantized", exported_at="2026-02-03T04:05:06+00:00")
    refusal = Refusal(format="torch_export", code="conversion", message="no")
    harness = Harness(ExportOutcome(release=both, refusals=(refusal,)))
    order = ExportOrdered(run_id="run-1", formats=["quantized", "torch_export"], request_id="r-1")
    for _ in range(2):
        await harness.handle_order(order, envelope())
    assert (harness.orders[0].formats, harness.orders[0].further) == (("quantized", "torch_export"), True)
    (exported, first), (failed, of_order), *again = harness.publisher.published
    assert isinstance(exported, ModelExported)
    assert exported.version == "run-1.onnx.quantized"
    assert isinstance(failed, ExportFailed)
    assert (failed.code, failed.request_id) == ("conversion", "r-1")
    assert [each.event_id for _, each in again] == [first.event_id, of_order.event_id]
    own = Harness(ExportOutcome(release=release_with(), refusals=()))
    await own.handle(completed(), envelope())
    assert own.publisher.published[0][1].event_id != first.event_id


async def test_an_order_of_an_unknown_run_is_refused_by_name_once_for_each_format(release_with: MakeRelease) -> None:
    harness = Harness(ExportOutcome(release=release_with(), refusals=()))
    await harness.handle_order(ExportOrdered(run_id="run-9", formats=["onnx", "quantized"], request_id="r"), envelope())
    assert not harness.orders
    answers = [event for event, _ in harness.publisher.published]
    assert [(event.format, event.code, event.run_id, event.request_id) for event in answers] == [
        ("onnx", "unknown_run", "run-9", "r"),
        ("quantized", "unknown_run", "run-9", "r"),
    ]


@pytest.mark.parametrize(
    ("order", "named"),
    [
        (ExportOrdered(run_id="../up", formats=["onnx"]), "ExportOrdered.run_id is '../up'"),
        (ExportOrdered(run_id="run-1"), "ExportOrdered.formats has 0 names; accepted: 1 to 64"),
    ],
)
async def test_an_order_that_cannot_be_read_is_poison(
    order: ExportOrdered, named: str, release_with: MakeRelease
) -> None:
    with pytest.raises(Poison, match=named):
        await Harness(ExportOutcome(release=release_with(), refusals=())).handle_order(order, envelope())
