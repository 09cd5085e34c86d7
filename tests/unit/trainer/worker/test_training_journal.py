"""The journal survives the process that writes it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.metrics.comparison import Comparison, Interval

from services.trainer.journal import (
    Cancelled,
    CheckpointWritten,
    Completed,
    EpochDone,
    Failed,
    Journal,
    JournalCorrupt,
    Paused,
    Progressed,
    Record,
    Started,
    encode,
    read_from,
    records_of,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMED = st.dictionaries(st.text(max_size=8), NUMBERS, max_size=3)
COUNTS = st.integers(0, 2**53)
TEXT = st.text(max_size=20)
COMPARISONS = st.builds(
    Comparison, fit_for_use=st.booleans(), reason=TEXT, purpose_metrics=st.tuples(TEXT),
    trivial_metrics=st.dictionaries(TEXT, NAMED, max_size=2),
    intervals=st.dictionaries(TEXT, st.builds(Interval, lower=NUMBERS, upper=NUMBERS), max_size=2), groups=COUNTS,
    resamples=COUNTS,
)  # fmt: skip
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        Started, first_epoch=COUNTS, total_epochs=COUNTS, steps_per_epoch=COUNTS, total_steps=COUNTS,
        resumed_step=COUNTS, world_size=COUNTS, device=TEXT, host=TEXT, notes=st.dictionaries(TEXT, TEXT, max_size=2),
    ),
    st.builds(
        Progressed, step=COUNTS, total_steps=COUNTS, epoch=COUNTS, loss=NUMBERS, learning_rate=NUMBERS,
        images_per_second=NUMBERS, eta_s=NUMBERS, loss_parts=NAMED,
    ),
    st.builds(
        EpochDone, epoch=COUNTS, total_epochs=COUNTS, train_loss=NUMBERS, val_loss=st.none() | NUMBERS,
        learning_rate=NUMBERS, metrics=NAMED, duration_s=NUMBERS, images_per_second=NUMBERS, eta_s=NUMBERS,
        is_best=st.booleans(),
    ),
    st.builds(
        CheckpointWritten, path=TEXT, sha256=TEXT, size_bytes=COUNTS, epoch=COUNTS, step=COUNTS, best=st.booleans()
    ),
    st.builds(
        Completed, epochs=COUNTS, best_epoch=COUNTS, metrics=NAMED, path=TEXT, sha256=TEXT, size_bytes=COUNTS,
        weights_sha256=TEXT, duration_s=NUMBERS, report=TEXT, comparison=st.none() | COMPARISONS,
    ),
    st.builds(Failed, code=TEXT, message=TEXT, retryable=st.booleans(), epoch=COUNTS),
    st.builds(Paused, reason=TEXT, step=COUNTS, epoch=COUNTS, path=TEXT, sha256=TEXT, size_bytes=COUNTS),
    st.builds(Cancelled, step=COUNTS, epoch=COUNTS),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals")


@settings(max_examples=60, deadline=None)
@given(records=st.lists(RECORDS, max_size=6), cut=st.integers(0, 400))
def test_what_was_appended_is_read_and_a_torn_end_costs_the_torn_line_only(
    folder: Path, records: list[Record], cut: int
) -> None:
    path = folder / "journal.jsonl"
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        for record in records:
            journal.append(record, durable=True)
    assert list(records_of(path)) == records
    content = path.read_bytes()
    torn = content[: max(0, len(content) - cut)]
    path.write_bytes(torn)
    whole = torn.count(b"\n")
    assert list(records_of(path)) == records[:whole]
    end = Cancelled(step=1, epoch=1)
    with Journal(path) as journal:
        journal.append(end)
    assert list(records_of(path)) == [*records[:whole], end]
    assert [json.loads(line)["seq"] for line in path.read_bytes().splitlines()] == list(range(1, whole + 2))


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append(Cancelled(step=1, epoch=1))
        first, offset = read_from(path, 0)
        assert read_from(path, offset) == ((), offset)
        journal.append(Cancelled(step=2, epoch=1))
        second, _ = read_from(path, offset)
    assert [record.step for record in (*first, *second) if isinstance(record, Cancelled)] == [1, 2]


@pytest.mark.parametrize("damage", ["bit", "kind", "text"])
def test_a_damaged_line_is_named_not_skipped(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "journal.jsonl"
    good = encode(Cancelled(step=1, epoch=1), seq=1)
    bad = {
        "bit": good.replace(b'"step":1', b'"step":7'),
        "kind": good.replace(b"cancelled", b"celebrated"),
        "text": b"not a record\n",
    }[damage]
    path.write_bytes(good + bad)
    with pytest.raises(JournalCorrupt, match=rf"journal\.jsonl at byte {len(good)}"):
        read_from(path, 0)


def test_fields_of_a_newer_writer_are_passed_over(tmp_path: Path) -> None:
    import zlib

    body = {"seq": 1, "kind": "cancelled", "step": 3, "epoch": 1, "mood": "calm"}
    plain = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    line = json.dumps({**body, "crc": zlib.crc32(plain)}, sort_keys=True, separators=(",", ":")).encode()
    path = tmp_path / "journal.jsonl"
    path.write_bytes(line + b"\n")
    assert list(records_of(path)) == [Cancelled(step=3, epoch=1)]


def test_a_number_that_is_none_is_never_written(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        with pytest.raises(ValueError, match="float"):
            journal.append(Completed(
                epochs=1, best_epoch=1, metrics={"box_AP": float("nan")}, path="", sha256="", size_bytes=0,
                weights_sha256="", duration_s=1.0, report="",
            ))  # fmt: skip
    assert (tmp_path / "journal.jsonl").read_bytes() == b""
