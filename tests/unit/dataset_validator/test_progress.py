"""Progress of the work on one order."""

from services.dataset_validator.progress import Progress, ProgressThrottle


def test_progress_is_published_at_a_bounded_rate_with_the_time_that_is_left() -> None:
    moments = iter([0.0, 0.0, 1.0, 2.0, 2.5, 4.0, 5.0])
    throttle = ProgressThrottle(every_s=2.0, clock=lambda: next(moments))
    admitted = [throttle.admit(Progress(stage="reading", done=done, total=10)) for done in (1, 2, 4, 5, 10)]
    assert [one and one.progress.done for one in admitted] == [1, None, 4, None, 10]
    assert admitted[2] is not None
    assert (admitted[2].elapsed_s, admitted[2].eta_s) == (2.0, 3.0)
    final = throttle.admit(Progress(stage="judging"))
    assert final is not None
    assert final.eta_s == 0.0
