"""What of a backup needs no server: which orders are open, messages as JSON, and what is in the way of a restore."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetRejected, DatasetValidated
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import TrainingCancelled, TrainingFailed, TrainingPaused, TrainingStarted

from services.cli.backup.files import NotRestored, put_database, put_folder
from services.cli.backup.messages import Entry, from_plain, to_plain
from services.cli.handlers.open_orders import open_orders

RUN = OrderAttached(order_event_id="order", run_id="run")
HEADERS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(headers=st.dictionaries(st.text(min_size=1, max_size=8), HEADERS, max_size=4), body=st.binary(max_size=64))
def test_a_message_comes_back_as_it_was(headers: Mapping[str, Any], body: bytes) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    entry = Entry(
        routing_key="dataset.ready", properties={"message_id": "1"}, timestamp=at, headers=headers, body=body
    )  # fmt: skip
    assert from_plain(to_plain(entry)) == entry


@pytest.mark.parametrize(
    ("events", "is_open"),
    [
        ([], True),
        ([RUN], True),
        ([RUN, TrainingStarted(run_id="run")], True),
        ([DatasetRejected(order_event_id="order")], False),
        ([DatasetRejected(order_event_id="other")], True),
        ([DatasetValidated(order_event_id="order")], True),
        ([DatasetValidated(order_event_id="order", validation_only=True)], False),
        ([RUN, ModelExported(run_id="run")], False),
        ([RUN, ExportFailed(run_id="run")], False),
        ([RUN, TrainingFailed(run_id="run")], False),
        ([RUN, TrainingCancelled(run_id="run")], False),
        ([RUN, TrainingPaused(run_id="run")], False),
        ([RUN, TrainingPaused(run_id="run", preempted_by="other")], True),
        ([RUN, TrainingPaused(run_id="run"), TrainingStarted(run_id="run")], True),
    ],
)
def test_an_order_is_open_until_it_has_an_end(events: list[Message], *, is_open: bool) -> None:
    log = [("order", DatasetReady(dataset_id="cards")), *((f"event-{at}", each) for at, each in enumerate(events))]
    assert open_orders(log) == (["order"] if is_open else [])


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(NotRestored, match="is there already"):
        put_database(tmp_path / "copy.sqlite", tmp_path / "there" / "file")
    with pytest.raises(NotRestored, match="is not empty"):
        put_folder(tmp_path / "copy.tar.gz", tmp_path / "there")
