import pytest
from truscore.bus import Poison, RetryPolicy
from truscore.bus.declarations import retry_and_dead_queues
from truscore.bus.topology import retry_name


def test_delays_of_the_ordinary_policy_grow() -> None:
    delays = RetryPolicy().delays_s
    assert list(delays) == sorted(set(delays))


def test_after_the_last_delay_there_is_none() -> None:
    policy = RetryPolicy(delays_s=(1, 5))
    assert [policy.delay_s(retries) for retries in range(3)] == [1, 5, None]


def test_a_delay_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 0\.001 s"):
        RetryPolicy(delays_s=(1, 0))


def test_each_delay_has_one_queue_that_sends_home_by_the_routing_key() -> None:
    *waiting, full, dead = retry_and_dead_queues("trainer", RetryPolicy(delays_s=(1, 1, 2.5)))
    assert [queue.name for queue in waiting] == ["trainer.retry.1000ms", retry_name("trainer", 2.5)]
    assert [queue.arguments["x-message-ttl"] for queue in waiting] == [1000, 2500]
    assert all(queue.arguments["x-dead-letter-exchange"] == "" for queue in waiting)
    assert all("x-dead-letter-routing-key" not in queue.arguments for queue in waiting)
    assert (full.name, full.routing_key, dead.name) == ("trainer.dead.waiting", "trainer.dead.waiting", "trainer.dead")


def test_poison_says_why() -> None:
    assert Poison("no such bucket").reason == "no such bucket"
