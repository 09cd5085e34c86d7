"""A snapshot and the rest of the log give the board that the whole log gives; what does not fit is passed over."""

import asyncio
import json
import logging
import tempfile
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.events import CONTRACT_VERSION
from truscore.events.v1 import telemetry_pb2

from services.monitor.board import Board, Bounds
from services.monitor.facts import UnknownEvent
from services.monitor.snapshot_codec import NoSnapshot, decoded, encoded
from services.monitor.snapshot_file import NAME, Place, code_version, read_snapshot, write_snapshot
from services.monitor.snapshots import Snapshots
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import BEGIN_S, PublishedEvent, board_after

PLACE = Place(offset=7, event_id="event-7")
VERSION = code_version(CONTRACT_VERSION)


def alerts(number: int) -> list[PublishedEvent]:
    raised = telemetry_pb2.AlertRaised(alert_id=f"a{number}", rule="run.stalled", subject=f"run-{number}")
    raised.raised_at.FromSeconds(int(BEGIN_S) + number)
    said = telemetry_pb2.AlertAcknowledged(alert_id=f"a{number}", acknowledged_by="ada", subject=f"run-{number}")
    said.acknowledged_at.FromSeconds(int(BEGIN_S) + number + 1)
    return [PublishedEvent(raised, BEGIN_S), PublishedEvent(said, BEGIN_S)]


EVENTS = [
    *event_sequences.whole_run(),
    *(event_sequences.started(number, run_id=f"run-{number}") for number in range(5)),
    *(event_sequences.progressed(step, step, loss=nan) for step in range(1, 40, 3)),
    event_sequences.rejected(request_id="r2"),
    event_sequences.failed(run_id="run-3"),
    event_sequences.export_failed(),
    event_sequences.sampled(host="gpu-2"),
    *(event for number in range(3) for event in alerts(number)),
]


def written(board: Board, folder: Path, *, at: Place = PLACE) -> Board:
    """The board as a monitor has it that goes on from the snapshot of this one."""
    write_snapshot(folder, board.state(), at, VERSION)
    found = read_snapshot(folder, VERSION)
    assert found is not None
    state, place = found
    assert place == at
    made = Board(board.bounds)
    made.restore(state)
    return made


def text_of(board: Board) -> Any:
    """Everything it holds; as text, for NaN is not equal to itself. The count of changes of alerts is of a process."""
    return json.dumps(encoded(replace(board.state(), alerts_version=0).as_mapping()))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_snapshot_at_any_place_and_the_rest_of_the_log_give_what_the_whole_log_gives(data: st.DataObject) -> None:
    events = data.draw(st.permutations(EVENTS))
    place = data.draw(st.integers(0, len(events)))
    # Bounds so small that runs and orders are forgotten.
    bounds = Bounds(runs=data.draw(st.integers(2, 8)), orders=3, alerts=2, hosts=1, forgotten=2)
    whole = board_after(events, Board(bounds))
    with tempfile.TemporaryDirectory() as folder:
        half = written(board_after(events[:place], Board(bounds)), Path(folder))
    # The last event before the place is read again.
    assert text_of(board_after(events[max(place - 1, 0) :], half)) == text_of(whole)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_what_no_event_is_and_numbers_that_json_lacks_come_back(tmp_path: Path) -> None:
    board = Board()
    board.apply(UnknownEvent(routing_key="dataset.redy", reason="unknown", at=5.5), 5.5)
    assert written(board, tmp_path).unknown_events == board.unknown_events
    for value in (inf, -inf, 0.1, 1e-308, True, None, "é", b"\x00", (1, (2,)), frozenset({"b", "a"}), {("a", 1): 2.0}):
        assert decoded(json.loads(json.dumps(encoded(value), allow_nan=False))) == value
    with pytest.raises(TypeError, match="set has no place"):
        encoded({1})


async def test_the_last_snapshot_waits_for_one_that_is_being_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board, place, caught_up = board_after(EVENTS), [PLACE], asyncio.Event()
    runs = board_after(EVENTS).runs
    # Enough that writing them takes a while.
    board.runs = {f"{name}-{number}": run for name, run in runs.items() for number in range(300)}
    snapshots = Snapshots(
        folder=tmp_path, version=VERSION, board=board, place=lambda: place[0], is_settled=lambda: True
    )
    caught_up.set()
    with caplog.at_level(logging.WARNING):
        async with snapshots.going_on(caught_up, every_s=60):
            for _ in range(10):  # turns of the loop, after which a thread writes the first
                await asyncio.sleep(0)
            place[0] = Place(offset=8, event_id="event-8")
    assert caplog.text == ""
    found = read_snapshot(tmp_path, VERSION)
    assert found is not None
    assert found[1] == place[0]
    assert names_in(tmp_path) == [NAME]


async def test_no_snapshot_is_taken_while_requests_wait_for_the_audit_record(tmp_path: Path) -> None:
    settled = [False]
    snapshots = Snapshots(
        folder=tmp_path, version=VERSION, board=Board(), place=lambda: PLACE, is_settled=lambda: settled[0]
    )
    await snapshots.take()
    assert names_in(tmp_path) == []
    settled[0] = True
    await snapshots.take()
    assert names_in(tmp_path) == [NAME]


def test_runs_of_which_nothing_was_heard_for_long_are_left_out() -> None:
    board = board_after(EVENTS)
    assert len(board.state().without_older_than(0).runs) == 6
    assert board.state().without_older_than(BEGIN_S * 2).runs == {}


def without_last(content: bytes) -> bytes:
    return content[:-1]


def with_other_offset(content: bytes) -> bytes:
    return content.replace(b'"offset": 7', b'"offset": "many"')


def flipped(content: bytes) -> bytes:
    return content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]


@pytest.mark.parametrize("damage", [without_last, with_other_offset, flipped, lambda _: b"", lambda _: b"{}\n"])
def test_a_file_that_is_damaged_is_passed_over_with_the_reason(
    damage: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(board_after(EVENTS), tmp_path)
    path = tmp_path / NAME
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert read_snapshot(tmp_path, VERSION) is None
    assert "is passed over, the log is read from its beginning" in caplog.text


def test_what_other_code_or_another_contract_wrote_is_passed_over(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path / "nothing", VERSION) is None
    written(board_after(EVENTS), tmp_path)
    assert read_snapshot(tmp_path, VERSION) is not None
    assert read_snapshot(tmp_path, code_version("99.0.0")) is None
    assert code_version("99.0.0") != VERSION == code_version(CONTRACT_VERSION)


@pytest.mark.parametrize("name", ["builtins.eval", "os.system", "facts.MAX_CHARS", "Run", ""])
def test_no_class_but_the_monitors_own_is_made(name: str) -> None:
    with pytest.raises(NoSnapshot, match="of a kind that is not known here"):
        decoded({"c": name, "v": ["true"]})
    with pytest.raises(NoSnapshot):
        decoded({"c": "run.Timed", "v": [1, 2, 3]})
    with pytest.raises(NoSnapshot):
        decoded({"a": "u", "v": ""})
