"""A flood writes so many lines and no more, and says how many it left out."""

from hypothesis import given
from hypothesis import strategies as st
from truscore.bus.consuming.log_bound import LogBound


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_lines_beyond_the_bound_are_counted_in_the_next_that_is_written() -> None:
    clock = Clock()
    bound = LogBound(most=2, window_s=60, clock=clock)
    assert [bound.take() for _ in range(5)] == [0, 0, None, None, None]
    clock.now += 59
    assert bound.take() is None
    clock.now += 1
    assert [bound.take() for _ in range(3)] == [4, 0, None]
    clock.now += 60
    assert bound.take() == 1


@given(pauses_s=st.lists(st.floats(0, 100), max_size=60), most=st.integers(1, 5))
def test_every_line_is_written_or_counted_and_no_window_has_more(pauses_s: list[float], most: int) -> None:
    clock = Clock()
    bound = LogBound(most=most, window_s=60, clock=clock)
    written: list[float] = []
    counted = 0
    for pause_s in pauses_s:
        clock.now += pause_s
        left_out = bound.take()
        if left_out is not None:
            written.append(clock.now)
            counted += left_out
    clock.now += 60
    last = bound.take()
    assert last is not None
    assert len(written) + counted + last == len(pauses_s)
    # A minute has a part of two windows at most.
    assert all(later - earlier >= 60 for earlier, later in zip(written, written[2 * most :], strict=False))
