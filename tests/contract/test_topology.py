from pathlib import Path

import pytest
from google.protobuf.descriptor_pool import Default
from truscore.bus import TOPOLOGY, UnknownMessage, dead_name, inbox_name
from truscore.bus.declarations import all_queues
from truscore.bus.topology import Row, inbox_arguments, inboxes, log_arguments, row_named, row_of, row_routed
from truscore.events.v1.dataset_pb2 import DatasetReady, Finding

PROTO = Path(__file__).parents[2] / "proto"
# Parts of events, and what is only ever inside of one.
PARTS = {
    "AdvancedSettings ArchitectureConfig Artifact Benchmark CustomModifications EarlyStopping Finding FocalLossParams "
    "FloatRange IntRange PruningSpec SearchBounds SearchCounts SearchObjective SearchParameter SearchSpec SearchTrial "
    "GpuSample Hyperparameters LossConfig LossWeights MetricInterval ModelSignature ObjectRef Optimization Parity "
    "FormatRefusal FoundBatchSize MetricParity "
    "Regularization ReportSeal SplitConfig TensorSpec TrainingConfig TrainingProcess TrainingSpec TrivialComparison "
    "TrivialPredictor ClassMetrics ConfusionMatrix CurveSeries EvaluationCurve"
}
each_row = pytest.mark.parametrize("row", TOPOLOGY, ids=lambda row: row.routing_key)


@each_row
def test_every_message_has_a_publisher_and_a_consumer(row: Row) -> None:
    assert row.publishers
    assert row.listeners


@each_row
def test_every_message_is_found_by_class_by_type_and_by_routing_key(row: Row) -> None:
    assert row_of(row.message) is row
    assert row_of(row.message()) is row
    assert row_named(row.type_name) is row
    assert row_routed(row.routing_key) is row


@each_row
def test_monitor_and_tracker_receive_everything_from_the_log(row: Row) -> None:
    readers = {listener.service for listener in row.listeners if not listener.inbox}
    assert {"monitor", "experiment-tracker"} <= readers


def test_every_message_of_the_proto_files_is_an_event_or_part_of_one() -> None:
    pool = Default()
    declared = {
        name
        for path in (PROTO / "truscore" / "events").rglob("*.proto")
        for name in pool.FindFileByName(str(path.relative_to(PROTO))).message_types_by_name
    }
    assert declared == {row.descriptor.name for row in TOPOLOGY} | set(*map(str.split, PARTS))


def test_only_orders_to_train_are_leases() -> None:
    leases = [(row.routing_key, listener.service) for row, listener in inboxes() if listener.lease]
    assert leases == [("dataset.validated", "trainer"), ("order.prioritized", "trainer")]


def test_a_lease_may_be_held_for_days() -> None:
    assert inbox_arguments("trainer", lease=True)["x-consumer-timeout"] >= 3 * 24 * 3600 * 1000


def test_every_inbox_has_a_limit_and_a_grave_where_nothing_is_dropped_on_the_way() -> None:
    queues = {queue.name: queue for queue in all_queues()}
    for row, listener in inboxes():
        inbox = queues[inbox_name(listener.service, row.message)]
        assert inbox.arguments["x-queue-type"] == "quorum"
        assert inbox.arguments["x-delivery-limit"] > 0
        assert inbox.arguments["x-dead-letter-strategy"] == "at-least-once"
        assert inbox.arguments["x-overflow"] == "reject-publish"
        assert queues[dead_name(listener.service)].routing_key == inbox.arguments["x-dead-letter-routing-key"]


def test_the_log_holds_everything_and_is_bounded_by_size_and_age() -> None:
    log = next(queue for queue in all_queues() if queue.name == "truscore.log")
    assert (log.exchange, log.routing_key) == ("truscore.events", "#")
    assert {"x-max-length-bytes", "x-max-age"} <= log_arguments().keys()


def test_a_message_that_is_in_no_row_is_refused_by_name() -> None:
    with pytest.raises(UnknownMessage, match=r"truscore\.events\.v1\.Finding"):
        row_of(Finding)
    with pytest.raises(UnknownMessage, match=r"dataset\.redy.*dataset\.ready"):
        row_routed("dataset.redy")


def test_an_inbox_is_named_by_service_and_routing_key() -> None:
    assert inbox_name("dataset-validator", DatasetReady) == "dataset-validator.dataset.ready"
