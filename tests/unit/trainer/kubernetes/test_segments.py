"""A journal in the store can only grow, and only by one hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.storage import MemoryStore

from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.segments import Segments, drop_segments
from services.trainer.run_store.uploads import Fenced

KEYS = RunKeys(bucket="truscore", run_id="run-1")


def all_of(store: MemoryStore, attempt: int = 1) -> bytes:
    segments, content = Segments(store, KEYS, attempt), b""
    while lines := segments.read():
        content += lines
    return content


@given(st.lists(st.binary(min_size=1, max_size=30).map(lambda line: line.replace(b"\n", b" ") + b"\n"), max_size=20))
def test_what_was_appended_is_read_in_order(lines: list[bytes]) -> None:
    store = MemoryStore()
    writer = Segments(store, KEYS, 1)
    for line in lines:
        writer.append(line, offset=writer.size_bytes)
    assert all_of(store) == b"".join(lines)
    assert writer.size_bytes == len(b"".join(lines))


def test_of_two_writers_the_second_drops_out_and_the_journal_does_not_fork() -> None:
    store = MemoryStore()
    first, second = Segments(store, KEYS, 1), Segments(store, KEYS, 1)
    first.append(b"a\n", offset=0)
    with pytest.raises(Fenced, match="another process writes the journal of attempt 1"):
        second.append(b"b\n", offset=0)
    assert all_of(store) == b"a\n"


def test_a_segment_whose_answer_was_lost_may_be_written_again() -> None:
    store = MemoryStore()
    Segments(store, KEYS, 1).append(b"a\n", offset=0)
    again = Segments(store, KEYS, 1)
    again.append(b"a\n", offset=0)
    again.append(b"b\n", offset=2)
    assert all_of(store) == b"a\nb\n"


@pytest.mark.parametrize(("lines", "offset"), [(b"a\n", 1), (b"torn", 0)])
def test_what_does_not_follow_is_refused(lines: bytes, offset: int) -> None:
    with pytest.raises(ValueError, match="accepted are whole lines"):
        Segments(MemoryStore(), KEYS, 1).append(lines, offset=offset)


def test_segments_are_dropped_only_where_the_journal_is_there_whole() -> None:
    store = MemoryStore()
    for attempt in (1, 2):
        Segments(store, KEYS, attempt).append(b"a\n", offset=0)
    store.put(KEYS.journal(1), b"a\n")
    drop_segments(store, KEYS, attempts=2)
    assert (all_of(store, 1), all_of(store, 2)) == (b"", b"a\n")
