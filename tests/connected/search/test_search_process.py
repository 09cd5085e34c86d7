"""The search as a process on a real broker; the test publishes what trainers and exporter would."""

import signal
from pathlib import Path

import psutil
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.model_pb2 import ExportOrdered
from truscore.events.v1.search_pb2 import (
    PruningSpec,
    SearchAccepted,
    SearchBounds,
    SearchCancelled,
    SearchCompleted,
    SearchFailed,
    SearchObjective,
    SearchProgressed,
    SearchRefused,
)

from tests.connected.answers import service_process
from tests.connected.search.search_harness import (
    METRIC,
    MODULE,
    rate_of,
    run_of,
    search_environment,
    search_order,
    shown,
    started,
    the_side_of_the_runs,
)

MOST_BYTES = 170_000_000


async def test_a_search_of_two_trials_announces_the_better_one_and_has_it_exported(
    amqp_url: str, tmp_path: Path
) -> None:
    async with the_side_of_the_runs(amqp_url) as runs:
        runs.score = lambda ready: 1 - rate_of(ready)
        with service_process(MODULE, search_environment(amqp_url, tmp_path)):
            await runs.order(search_order(trials=2))
            [completed] = await runs.received(SearchCompleted)
    orders = runs.of(DatasetReady)
    assert [ready.request_id for ready in orders] == ["search/first/0", "search/first/1"]
    best = min(orders, key=rate_of)
    [announced] = completed.best
    assert (announced.run_id, announced.state) == (run_of(best), "completed")
    assert announced.parameters.hyperparameters.optimization.learning_rate == rate_of(best)
    assert announced.values == {METRIC: 1 - rate_of(best)}
    assert completed.model_version == run_of(best)
    assert (completed.ended_by, completed.counts.completed) == ("trials", 2)
    assert [each.trial.number for each in runs.of(SearchProgressed)] == [0, 1]
    [accepted] = runs.of(SearchAccepted)
    assert (accepted.spec.sampler, accepted.spec.objectives[0].metric) == ("tpe", METRIC)


async def test_a_coordinator_that_is_killed_goes_on_and_orders_no_trial_twice(amqp_url: str, tmp_path: Path) -> None:
    environment = search_environment(amqp_url, tmp_path)
    async with the_side_of_the_runs(amqp_url) as runs:
        first = started(environment)
        try:
            await runs.order(search_order(trials=6, parallel=2))
            early = await runs.received(DatasetReady, 2)
            await runs.attach(early[0])
            await runs.complete(early[0], 0.5)
            await runs.received(DatasetReady, 3)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
        # All this waits in the inboxes: the end of a run, too, that no answer had named before the process died.
        waiting = runs.of(DatasetReady)[1:3]
        for ready in waiting:
            await runs.attach(ready)
            await runs.complete(ready, 0.6)
            await runs.complete(ready, 0.6)
        runs.score = lambda ready: 0.7
        with service_process(MODULE, environment):
            [completed] = await runs.received(SearchCompleted)
    ids = runs.ids_of(DatasetReady)
    assert len(set(ids)) == 6
    assert len({ready.request_id for ready in runs.of(DatasetReady)}) == 6
    assert completed.counts.completed == 6
    rates = [rate_of(ready) for ready in {each.request_id: each for each in runs.of(DatasetReady)}.values()]
    assert len(set(rates)) == 6
    assert len(set(runs.ids_of(SearchProgressed))) == 6


async def test_a_cancelled_search_cancels_its_runs_and_those_that_are_named_later(
    amqp_url: str, tmp_path: Path
) -> None:
    environment = search_environment(amqp_url, tmp_path)
    async with the_side_of_the_runs(amqp_url) as runs:
        with service_process(MODULE, environment) as process:
            await runs.order(search_order(trials=6, parallel=2))
            running, queued = await runs.received(DatasetReady, 2)
            await runs.attach(running)
            await shown(environment, "first", lambda search: bool(search.trials[0].run_id))
            await runs.cancel("first")
            [cancel] = await runs.received(RunCancel)
            assert cancel.run_id == run_of(running)
            assert "enough" in cancel.reason
            await runs.stopped(cancel)
            [cancelled] = await runs.received(SearchCancelled)
            assert (cancelled.reason, cancelled.counts.cancelled) == ("enough", 2)
            await runs.attach(queued)
            late = (await runs.received(RunCancel, 2))[-1]
            assert late.run_id == run_of(queued)
            state = await shown(environment, "first", lambda search: True)
            assert psutil.Process(process.pid).memory_info().rss <= MOST_BYTES
    assert state.state == "cancelled"
    assert len(runs.of(DatasetReady)) == 2


async def test_a_poor_trial_is_pruned_its_run_cancelled_and_the_next_one_ordered(amqp_url: str, tmp_path: Path) -> None:
    environment = search_environment(amqp_url, tmp_path)
    halving = PruningSpec(pruner="successive_halving", min_epochs=1, reduction_factor=2)
    async with the_side_of_the_runs(amqp_url) as runs:
        with service_process(MODULE, environment):
            await runs.order(search_order(trials=5, parallel=4, pruning=halving))
            orders = await runs.received(DatasetReady, 4)
            for ready in orders:
                await runs.attach(ready)
            await shown(environment, "first", lambda search: all(each.run_id for each in search.trials))
            for ready, value in zip(orders, (0.8, 0.9, 0.7, 0.1), strict=True):
                await runs.epoch(ready, 1, value)
            poor = await runs.received(RunCancel, 2)
            # The first two were the best when they reported.
            assert {cancel.run_id for cancel in poor} == {run_of(ready) for ready in orders[2:]}
            for cancel in poor:
                await runs.stopped(cancel)
            progressed = await runs.received(SearchProgressed, len(poor))
            assert {each.trial.state for each in progressed} == {"pruned"}
            await runs.received(DatasetReady, 5)


async def test_two_objectives_give_the_pareto_front_of_quality_and_latency(amqp_url: str, tmp_path: Path) -> None:
    objectives = [SearchObjective(metric=METRIC), SearchObjective(metric="latency_ms")]
    measured = {0: (0.9, 9.0), 1: (0.5, 2.0), 2: (0.4, 5.0)}
    async with the_side_of_the_runs(amqp_url) as runs:
        with service_process(MODULE, search_environment(amqp_url, tmp_path)):
            await runs.order(search_order(trials=3, parallel=3, objectives=objectives))
            for number, ready in enumerate(await runs.received(DatasetReady, 3)):
                quality, latency_ms = measured[number]
                await runs.attach(ready)
                await runs.complete(ready, quality)
                await runs.export(run_of(ready), latency_ms=latency_ms)
            [completed] = await runs.received(SearchCompleted)
    front = [(each.values[METRIC], each.values["latency_ms"]) for each in completed.best]
    assert front == [(0.9, 9.0), (0.5, 2.0)]
    [export] = runs.of(ExportOrdered)
    assert export.run_id == completed.best[0].run_id


async def test_a_search_ends_at_its_images_and_cancels_what_still_trains(amqp_url: str, tmp_path: Path) -> None:
    environment = search_environment(amqp_url, tmp_path)
    bounds = SearchBounds(trials=9, parallel_trials=2, images=100)
    async with the_side_of_the_runs(amqp_url) as runs:
        with service_process(MODULE, environment):
            await runs.order(search_order(bounds=bounds))
            one, other = await runs.received(DatasetReady, 2)
            for ready in (one, other):
                await runs.attach(ready)
                await runs.start(ready)  # 40 images an epoch
            await shown(environment, "first", lambda search: all(each.run_id for each in search.trials))
            await runs.complete(one, 0.5)
            [cancel] = await runs.received(RunCancel)
            assert cancel.run_id == run_of(other)
            await runs.stopped(cancel)
            [completed] = await runs.received(SearchCompleted)
    assert (completed.ended_by, completed.images) == ("images", 120)
    assert (completed.counts.completed, completed.counts.cancelled) == (1, 1)


async def test_what_cannot_be_searched_is_refused_and_a_metric_that_no_run_has_fails_the_search(
    amqp_url: str, tmp_path: Path
) -> None:
    async with the_side_of_the_runs(amqp_url) as runs:
        runs.score = lambda ready: 0.5
        with service_process(MODULE, search_environment(amqp_url, tmp_path)):
            order = search_order("refused", sampler="genetic")
            order.spec.parameters[0].key = "hyperparameters.optimization.learning_rat"
            await runs.order(order)
            [refused] = await runs.received(SearchRefused)
            assert {finding.rule for finding in refused.findings} == {"search.sampler"}
            order.spec.sampler = "tpe"
            await runs.order(order)
            [finding] = (await runs.received(SearchRefused, 2))[-1].findings
            assert "learning_rat" in finding.message
            assert runs.of(DatasetReady) == []
            await runs.order(search_order("unknown", objectives=[SearchObjective(metric="box_AP51")]))
            [failed] = await runs.received(SearchFailed)
    assert failed.code == "metric_missing"
    assert METRIC in failed.message
    assert len(runs.of(DatasetReady)) == 1


async def test_a_cancel_that_is_read_before_the_order_holds_all_the_same(amqp_url: str, tmp_path: Path) -> None:
    async with the_side_of_the_runs(amqp_url) as runs:
        with service_process(
            MODULE, search_environment(amqp_url, tmp_path) | {"TRUSCORE_SEARCH_RETRY_DELAYS_S": "[1]"}
        ):
            await runs.cancel("first")
            await runs.order(search_order())
            [cancelled] = await runs.received(SearchCancelled)
    assert cancelled.reason == "enough"
