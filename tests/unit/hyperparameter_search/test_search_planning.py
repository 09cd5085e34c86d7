"""Whatever the order of events and wherever the process dies, a search comes to one end within its bounds."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.hyperparameter_search import planning as plan
from services.hyperparameter_search.spec import Objective, SearchOrder
from services.hyperparameter_search.trial import (
    CANCELLED,
    COMPLETED,
    FAILED,
    PRUNED,
    RUNNING,
    Cancel,
    Export,
    Outcome,
    Search,
    Trial,
    best_trials,
)
from tests.unit.hyperparameter_search.search_orders import METRIC, search_order

MOST_STEPS = 400
ENDS = st.sampled_from([COMPLETED, FAILED, PRUNED, CANCELLED])


class World:
    """A search, its runs and what was published, without any process."""

    def __init__(self, order: SearchOrder) -> None:
        self.search = Search(order=order, begun_at=0)
        self.published: list[str] = []
        self.now = 0.0

    def change(self, trial: Trial, **fields: object) -> None:
        trials = tuple(
            replace(each, **fields) if each.number == trial.number else each  # type: ignore[arg-type]
            for each in self.search.trials
        )
        self.search = replace(self.search, trials=trials)

    def do(self, action: plan.Action, *, dies: bool) -> None:
        """The step as `steps.py` does it; where the process dies it was published and not kept."""
        self.published.append(name_of(action))
        if not dies:
            self._keep(action)

    def _keep(self, action: plan.Action) -> None:
        search = self.search
        match action:
            case plan.Accept():
                self.search = replace(search, accepted_sent=True)
            case plan.Sample():
                trial = Trial(number=len(search.trials), parameters={})
                self.search = replace(search, trials=(*search.trials, trial))
            case plan.OrderTrial(trial=trial):
                self.change(trial, ordered=True)
            case plan.StopRun(trial=trial):
                self.change(trial, stop=trial.stop or CANCELLED, stop_sent=True)
            case plan.GiveUp(trial=trial):
                self.change(trial, outcome=Outcome(state=CANCELLED))
            case plan.Tell(trial=trial):
                self.change(trial, told=True)
            case plan.OrderExport(trial=trial):
                self.search = replace(search, export=Export(run_id=trial.run_id, formats=("onnx",)))
            case plan.Complete() | plan.Fail() | plan.Cancelled():
                self.search = replace(search, ended=name_of(action))

    def happen(self, data: st.DataObject) -> None:
        """A trainer or the exporter answers something that is open."""
        open_trials = [trial for trial in self.search.trials if trial.ordered and trial.state == RUNNING]
        if open_trials:
            trial = data.draw(st.sampled_from(open_trials))
            if not trial.run_id:
                self.change(trial, run_id=f"run-{trial.number}")
            else:
                state = CANCELLED if trial.stop_sent else data.draw(ENDS)
                values = {METRIC: data.draw(st.floats(0, 1))} if state == COMPLETED else {}
                self.change(trial, epochs=3, images_per_epoch=10, outcome=Outcome(state=state, values=values))
        elif self.search.export and not self.search.export.answered:
            self.search = replace(self.search, export=replace(self.search.export, made=("onnx",)))


def name_of(action: plan.Action) -> str:
    trial = getattr(action, "trial", None)
    return f"{type(action).__name__}{'' if trial is None else f'/{trial.number}'}"


@given(
    data=st.data(),
    trials=st.integers(1, 8),
    parallel=st.integers(1, 4),
    images=st.sampled_from([0, 40, 100]),
    duration_s=st.sampled_from([0, 5]),
    cancelled_at=st.none() | st.integers(0, 30),
    deaths=st.sets(st.integers(0, 60), max_size=8),
)
def test_a_search_ends_once_within_its_bounds_and_orders_each_trial_as_one_event(
    data: st.DataObject,
    trials: int,
    parallel: int,
    images: int,
    duration_s: int,
    cancelled_at: int | None,
    deaths: set[int],
) -> None:
    bounds = {"trials": trials, "parallelTrials": parallel, "images": images, "durationS": duration_s}
    world = World(search_order(bounds=bounds))
    for step in range(MOST_STEPS):
        if step == cancelled_at:
            world.search = replace(world.search, cancel=Cancel(reason="enough", requested_by="test"))
        actions = plan.next_actions(world.search, world.now)
        if world.search.ended:
            break
        if actions:
            world.do(actions[0], dies=step in deaths)
        else:
            world.happen(data)
        world.now += 0.1
        running = [trial for trial in world.search.trials if trial.state == RUNNING]
        assert len(running) <= parallel
    search = world.search
    assert search.ended
    assert plan.next_actions(search, world.now) == []
    assert len(search.trials) <= trials
    assert all(trial.outcome and trial.told for trial in search.trials)
    announced = {name for name in world.published if name.startswith("Tell")}
    assert announced == {f"Tell/{trial.number}" for trial in search.trials}
    if search.ended == "Complete":
        assert search.export is not None
        best = best_trials(search.trials, search.order.spec.objectives)[0]
        assert search.export.run_id == best.run_id
        assert best.outcome is not None
        values = [trial.outcome.values[METRIC] for trial in search.trials if trial.outcome and trial.outcome.values]
        assert best.outcome.values[METRIC] == max(values)
    if search.cancel and "Cancelled" in world.published:
        assert not any(trial.state == RUNNING for trial in search.trials)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_has_each_trial_that_no_other_dominates(points: list[tuple[int, int]]) -> None:
    objectives = (
        Objective(metric="quality", direction="maximize"),
        Objective(metric="latency_ms", direction="minimize"),
    )
    trials = [
        Trial(
            number=number,
            parameters={},
            outcome=Outcome(state=COMPLETED, values={"quality": quality, "latency_ms": latency}),
        )
        for number, (quality, latency) in enumerate(points)
    ]
    front = {trial.number for trial in best_trials(trials, objectives)}
    for number, (quality, latency) in enumerate(points):
        beaten = any(q >= quality and ms <= latency and (q, ms) != (quality, latency) for q, ms in points)
        assert (number in front) == (not beaten)


def test_five_failures_without_a_success_end_a_search_and_say_the_last_one() -> None:
    failed = [
        Trial(
            number=number,
            parameters={},
            ordered=True,
            told=True,
            outcome=Outcome(state=FAILED, message=f"out_of_memory: {number}"),
        )
        for number in range(plan.MOST_FAILURES)
    ]
    search = Search(order=search_order(), begun_at=0, accepted_sent=True, trials=tuple(failed))
    [action] = plan.next_actions(search, 1)
    assert isinstance(action, plan.Fail)
    assert action.code == "trials_failed"
    assert "out_of_memory: 4" in action.message


def test_a_search_without_an_objective_looks_for_what_the_option_is_for_in_its_own_direction() -> None:
    of_borders = search_order(objectives=[]).spec.objectives
    assert [(each.metric, each.direction) for each in of_borders] == [("edge_error_all_px", "minimize")]
    named = search_order(objectives=[{"metric": "box_AP"}, {"metric": "latency_ms"}]).spec.objectives
    assert [each.direction for each in named] == ["maximize", "minimize"]
