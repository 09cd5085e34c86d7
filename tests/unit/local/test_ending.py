"""How the servers of a local stack are ended."""

import threading

import pytest

from deploy.local.stack import end_together

DEADLINE_S = 30


def test_servers_are_ended_at_the_same_time() -> None:
    all_are_ending = threading.Barrier(3, timeout=DEADLINE_S)
    ended: list[int] = []

    def stop() -> None:
        ended.append(all_are_ending.wait())  # one after another, the first would wait for ever

    end_together([stop] * 3)
    assert sorted(ended) == [0, 1, 2]


def test_a_server_that_cannot_be_ended_keeps_no_other_from_its_end() -> None:
    ended: list[str] = []

    def fail() -> None:
        raise OSError("no such process")

    with pytest.raises(OSError, match="no such process"):
        end_together([fail, lambda: ended.append("store")])
    assert ended == ["store"]


def test_without_servers_no_thread_is_started() -> None:
    before = threading.active_count()
    end_together([])
    assert threading.active_count() == before
