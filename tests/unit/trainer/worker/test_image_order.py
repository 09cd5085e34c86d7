"""Which images make up which step."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.trainer.worker.data import Share, epoch_order, steps_per_epoch, training_steps, validation_batches

COUNTS = st.integers(1, 200)
SIZES = st.integers(1, 16)
WORLDS = st.integers(1, 8)


@settings(max_examples=100, deadline=None)
@given(count=COUNTS, batch_size=SIZES, accumulate=st.integers(1, 4), world=WORLDS, epoch=st.integers(1, 50))
def test_every_process_does_as_much_and_every_image_comes(
    count: int, batch_size: int, accumulate: int, world: int, epoch: int
) -> None:
    plans = [
        training_steps(
            count, batch_size=batch_size, accumulate=accumulate, seed=1, epoch=epoch,
            share=Share(rank=rank, world_size=world),
        )
        for rank in range(world)
    ]  # fmt: skip
    expected = steps_per_epoch(count, batch_size=batch_size, accumulate=accumulate, world_size=world)
    shapes = {tuple(tuple(len(batch) for batch in step) for step in plan) for plan in plans}
    assert len(shapes) == 1
    assert {len(plan) for plan in plans} == {expected}
    keys = [key for plan in plans for step in plan for batch in step for key in batch]
    assert {key.index for key in keys} == set(range(count))
    assert {key.epoch for key in keys} == {epoch}
    times = Counter(key.index for key in keys)
    assert len(keys) - count == sum(times.values()) - len(times) < world
    assert all(1 <= len(batch) <= batch_size for step in plans[0] for batch in step)


@settings(max_examples=50, deadline=None)
@given(count=COUNTS, batch_size=SIZES, world=WORLDS)
def test_every_image_is_evaluated_once_and_as_it_is(count: int, batch_size: int, world: int) -> None:
    keys = [
        key
        for rank in range(world)
        for batch in validation_batches(range(count), batch_size=batch_size, share=Share(rank=rank, world_size=world))
        for key in batch
    ]
    assert sorted(key.index for key in keys) == list(range(count))
    assert {key.epoch for key in keys} == {0}


def test_epochs_and_seeds_are_shuffled_differently_and_each_always_the_same() -> None:
    orders = {(seed, epoch): tuple(epoch_order(50, seed=seed, epoch=epoch)) for seed in (0, 1) for epoch in (1, 2)}
    assert len(set(orders.values())) == 4
    assert tuple(epoch_order(50, seed=1, epoch=2)) == orders[1, 2]
    assert all(sorted(order) == list(range(50)) for order in orders.values())


def test_accumulating_makes_the_steps_of_a_larger_batch() -> None:
    def images(batch_size: int, accumulate: int) -> list[list[int]]:
        plan = training_steps(30, batch_size=batch_size, accumulate=accumulate, seed=3, epoch=1, share=Share())
        return [[key.index for batch in step for key in batch] for step in plan]

    assert images(2, 4) == images(8, 1)


@pytest.mark.parametrize("count", [1, 3])
def test_fewer_images_than_processes_still_give_each_a_step(count: int) -> None:
    plan = training_steps(count, batch_size=4, accumulate=1, seed=0, epoch=1, share=Share(rank=7, world_size=8))
    assert len(plan) == 1
    assert len(plan[0][0]) == 1
