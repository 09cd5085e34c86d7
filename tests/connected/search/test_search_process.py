"""The search as a process on a real broker; the test publishes what trainers and exporter would."""

from pathlib import Path

from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.search_pb2 import SearchAccepted, SearchCompleted, SearchProgressed

from tests.connected.answers import service_process
from tests.connected.search.search_harness import (
    METRIC,
    rate_of,
    run_of,
    search_environment,
    search_order,
    the_side_of_the_runs,
)

MODULE = "services.hyperparameter_search"


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
    assert completed.model_version == f"{run_of(best)}.onnx"
    assert (completed.ended_by, completed.counts.completed) == ("trials", 2)
    assert [each.trial.number for each in runs.of(SearchProgressed)] == [0, 1]
    [accepted] = runs.of(SearchAccepted)
    assert (accepted.spec.sampler, accepted.spec.objectives[0].metric) == ("tpe", METRIC)
