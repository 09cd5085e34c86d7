"""Searches in Optuna's storage: what a process that begins anew finds, and what it draws."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import optuna
import pytest

from services.hyperparameter_search.coordinator import Coordinator
from services.hyperparameter_search.facts import Completed, Stopped
from services.hyperparameter_search.handlers import order_of_wire
from services.hyperparameter_search.search_store import SearchStore, UnreadableSearch
from services.hyperparameter_search.spec import SearchOrder
from services.hyperparameter_search.trial import COMPLETED, Outcome, Search, Trial, best_trials
from tests.unit.hyperparameter_search.search_orders import METRIC, RATE, batch, rate, search_order


def opened(folder: Path) -> SearchStore:
    return SearchStore(f"sqlite:///{folder / 'searches.sqlite3'}", decode=order_of_wire)


def trials_of(store: SearchStore, order: SearchOrder) -> tuple[Trial, ...]:
    search = store.find(order.search_id)
    assert search is not None
    return search.trials


@pytest.mark.parametrize("sampler", ["tpe", "random", "cma_es"])
def test_a_process_that_begins_anew_draws_what_the_old_one_would_have_drawn(tmp_path: Path, sampler: str) -> None:
    momentum = {"key": "hyperparameters.optimization.momentum", "floatRange": {"low": 0.5, "high": 0.9}}
    order = search_order(parameters=[rate(), momentum], sampler=sampler)
    drawn = []
    for name, fresh in (("one", False), ("many", True)):
        (folder := tmp_path / name).mkdir()
        store = opened(folder)
        store.create(order, begun_at=1)
        for number in range(5):
            store = opened(folder) if fresh else store
            store.sample(order)
            outcome = Outcome(state=COMPLETED, values={METRIC: number / 10})
            store.note_trial(order.search_id, number, outcome=outcome)
            store.tell(order, trials_of(store, order)[number])
        drawn.append([dict(trial.parameters) for trial in trials_of(store, order)])
    assert drawn[0] == drawn[1]
    assert len({trial[RATE] for trial in drawn[0]}) == 5


def test_what_was_kept_is_found_by_another_process_and_told_trials_are_optunas(tmp_path: Path) -> None:
    order = search_order(parameters=[rate(), batch()])
    store = opened(tmp_path)
    store.create(order, begun_at=5)
    store.create(order, begun_at=5)
    for number, value in enumerate((0.2, 0.8, 0.5)):
        store.sample(order)
        store.note_trial(order.search_id, number, ordered=True, run_id=f"run-{number}", epochs=2)
        outcome = Outcome(state=COMPLETED, values={METRIC: value})
        store.note_trial(order.search_id, number, outcome=outcome)
        for _ in range(2):
            store.tell(order, trials_of(store, order)[number])
    found = opened(tmp_path).find(order.search_id)
    assert found is not None
    assert (found.order, found.begun_at, found.state) == (order, 5, "running")
    assert [(each.run_id, each.told) for each in found.trials] == [("run-0", True), ("run-1", True), ("run-2", True)]
    [best] = best_trials(found.trials, order.spec.objectives)
    study = optuna.load_study(study_name=order.search_id, storage=f"sqlite:///{tmp_path / 'searches.sqlite3'}")
    assert (best.number, best.outcome and best.outcome.values[METRIC]) == (study.best_trial.number, study.best_value)


def test_a_trial_whose_drawing_was_interrupted_is_drawn_to_its_end(tmp_path: Path) -> None:
    order = search_order(parameters=[rate(), batch()])
    store = opened(tmp_path)
    store.create(order, begun_at=1)
    url = f"sqlite:///{tmp_path / 'searches.sqlite3'}"
    torn = optuna.load_study(study_name=order.search_id, storage=url).ask()
    torn.suggest_float(RATE, 1e-4, 1e-1, log=True)
    store.sample(order)
    [trial] = trials_of(store, order)
    assert trial.drawn
    assert trial.parameters[RATE] == torn.params[RATE]
    assert len(trial.parameters) == 2


def test_what_a_run_stated_before_it_was_named_is_found_in_the_order_of_a_run(tmp_path: Path) -> None:
    order = search_order()
    store = opened(tmp_path)
    store.create(order, begun_at=1)
    stopped, completed = Stopped(reason="late"), Completed(metrics={METRIC: 0.5}, epochs=3)
    for fact in (stopped, completed, completed):
        assert store.keep_early(order.search_id, "run-1", fact)
    assert store.keep_early(order.search_id, "run-10", stopped)
    assert store.early_of(order.search_id, "run-1") == [completed, stopped]


def test_a_search_that_nobody_ordered_is_none(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert (store.find("first"), store.active(), store.names()) == (None, [], [])


def spoilt(folder: Path, name: str, **attributes: object) -> SearchStore:
    """A storage with a sound search, and one in which these attributes are not what is written."""
    store = opened(folder)
    for each in (name, "sound"):
        store.create(search_order(each), begun_at=1)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'searches.sqlite3'}")
    for attribute, value in attributes.items():
        storage.set_study_user_attr(storage.get_study_id_from_name(name), attribute, value)
    return opened(folder)


SPOILT = {"order": {"wire": "AAAA"}, "base64": {"wire": "A"}, "cancel": {"cancel": {"of": "another version"}}}


@pytest.mark.parametrize("attributes", SPOILT.values(), ids=SPOILT)
def test_a_search_that_cannot_be_read_is_named(tmp_path: Path, attributes: dict[str, object]) -> None:
    store = spoilt(tmp_path, "spoilt", **attributes)
    with pytest.raises(UnreadableSearch, match="search 'spoilt' cannot be read"):
        store.find("spoilt")
    assert store.find("sound") is not None


class Silent:
    """Publishes nothing, and notes which searches it was asked about."""

    def __init__(self) -> None:
        self.accepted_ids: list[str] = []

    async def accepted(self, search: Search) -> None:
        self.accepted_ids.append(search.order.search_id)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def nothing(*_: object, **__: object) -> None:
            return None

        return nothing


async def test_a_search_that_cannot_be_read_keeps_no_other_waiting(tmp_path: Path) -> None:
    store = spoilt(tmp_path, "a-spoilt-one-is-first", wire="AAAA")
    events = Silent()
    coordinator = Coordinator(store, events, clock=lambda: 2.0)  # type: ignore[arg-type]
    await coordinator.look()
    assert events.accepted_ids == ["sound"]
    await coordinator.happened("run-of-nobody", Stopped(reason=""))
