"""Searches in Optuna's own storage: a study for each, what we know beside it in its attributes. Touches the database.

A finished trial can't be written to any more, so that its end is noted as an attribute first and told last.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import optuna
from google.protobuf.message import DecodeError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from services.hyperparameter_search import facts
from services.hyperparameter_search.engine import pruner_of, sampler_of, suggest
from services.hyperparameter_search.spec import SearchOrder
from services.hyperparameter_search.trial import COMPLETED, PRUNED, Cancel, Export, Outcome, Search, Trial

log = logging.getLogger(__name__)

Decode = Callable[[bytes, str], SearchOrder]

MOST_EARLY_FACTS = 1000
EARLY = "early/"
STATES = {COMPLETED: TrialState.COMPLETE, PRUNED: TrialState.PRUNED}


class UnreadableSearch(RuntimeError):
    """What the storage holds of a search is not what this version writes: another one did, or somebody changed it."""


class SearchStore:
    """One writer at a time; `decode` reads an order's message, given with the id of its event."""

    def __init__(self, url: str, *, decode: Decode) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._storage = RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
        self._decode = decode
        self._orders: dict[str, SearchOrder] = {}

    def create(self, order: SearchOrder, *, begun_at: float) -> None:
        """Begin the search; a second time changes nothing."""
        optuna.create_study(
            study_name=order.search_id,
            storage=self._storage,
            directions=[StudyDirection[objective.direction.upper()] for objective in order.spec.objectives],
            load_if_exists=True,
        )
        # The order last: without it there is no search yet.
        wire = b64encode(order.wire).decode()
        self.note(order.search_id, begun_at=begun_at, event_id=order.event_id)
        self.note(order.search_id, wire=wire)

    def find(self, search_id: str) -> Search | None:
        """The search as it stands. UnreadableSearch."""
        try:
            return self._read(search_id)
        except (TypeError, ValueError, AttributeError, DecodeError) as error:
            raise UnreadableSearch(
                f"search {search_id!r} cannot be read from the storage ({type(error).__name__}: {error}); the others "
                "go on. The version that wrote it can end it, or delete its study there"
            ) from error

    def find_readable(self, search_id: str) -> Search | None:
        """The search, or None where it cannot be read: it must keep no other waiting."""
        try:
            return self.find(search_id)
        except UnreadableSearch as error:
            log.warning("%s", error)
            return None

    def _read(self, search_id: str) -> Search | None:
        try:
            study_id = self._storage.get_study_id_from_name(search_id)
        except KeyError:
            return None
        attributes = self._storage.get_study_user_attrs(study_id)
        if "wire" not in attributes:
            return None
        if search_id not in self._orders:
            self._orders[search_id] = self._decode(b64decode(attributes["wire"]), attributes["event_id"])
        trials = self._storage.get_all_trials(study_id, deepcopy=False)
        cancel, export = attributes.get("cancel"), attributes.get("export")
        return Search(
            order=self._orders[search_id],
            begun_at=attributes["begun_at"],
            trials=tuple(map(_trial_of, trials)),
            accepted_sent=attributes.get("accepted_sent", False),
            cancel=Cancel(**cancel) if cancel else None,
            export=Export(**_with_tuples(export)) if export else None,
            ended=attributes.get("ended", ""),
            message=attributes.get("message", ""),
        )

    def active(self) -> list[str]:
        """Names of the searches that have not ended."""
        studies = self._storage.get_all_studies()
        return [each.study_name for each in studies if "wire" in each.user_attrs and not each.user_attrs.get("ended")]

    def names(self) -> list[str]:
        """Of all searches, the newest first."""
        studies = [each for each in self._storage.get_all_studies() if "wire" in each.user_attrs]
        return [each.study_name for each in sorted(studies, key=lambda each: -each.user_attrs["begun_at"])]

    def note(self, search_id: str, **attributes: Any) -> None:
        """Keep what is known of the search: plain values, or dataclasses of them."""
        study_id = self._storage.get_study_id_from_name(search_id)
        for name, value in attributes.items():
            plain = asdict(value) if isinstance(value, Cancel | Export) else value
            self._storage.set_study_user_attr(study_id, name, plain)

    def note_trial(self, search_id: str, number: int, **attributes: Any) -> None:
        """Keep what is known of a trial that was not told yet."""
        trial_id = self._trial_id(search_id, number)
        for name, value in attributes.items():
            plain = _outcome_tree(value) if isinstance(value, Outcome) else value
            self._storage.set_trial_user_attr(trial_id, name, plain)

    def sample(self, order: SearchOrder) -> None:
        """Draw one more trial, or what is missing of one whose drawing was interrupted."""
        study = self._study(order)
        trials = study.get_trials(deepcopy=False)
        torn = [each for each in trials if not each.state.is_finished() and not each.user_attrs.get("drawn")]
        number = torn[0].number if torn else len(trials)
        study.sampler = sampler_of(order.spec, number)
        trial = optuna.trial.Trial(study, self._trial_id(order.search_id, number)) if torn else study.ask()
        for parameter in order.spec.parameters:
            suggest(trial, parameter)
        trial.set_user_attr("drawn", True)

    def report(self, order: SearchOrder, number: int, *, epoch: int, value: float) -> bool:
        """Note the objective after an epoch; whether the pruner would end the trial."""
        study, trial_id = self._study(order), self._trial_id(order.search_id, number)
        self._storage.set_trial_intermediate_value(trial_id, epoch, value)
        return study.pruner.prune(study, self._storage.get_trial(trial_id))

    def tell(self, order: SearchOrder, trial: Trial) -> None:
        """Let the sampler know how the trial ended; a second time changes nothing."""
        assert trial.outcome is not None
        state = STATES.get(trial.outcome.state, TrialState.FAIL)
        completed = state is TrialState.COMPLETE
        values = [trial.outcome.values[each.metric] for each in order.spec.objectives] if completed else None
        self._study(order).tell(trial.number, values, state=state, skip_if_finished=True)

    def keep_early(self, search_id: str, run_id: str, fact: facts.Fact) -> bool:
        """Keep what a run stated before it was known whose it is; False where there is no room."""
        kept = self._early(search_id)
        if len(kept) >= MOST_EARLY_FACTS:
            return False
        self.note(search_id, **{f"{EARLY}{run_id}/{type(fact).__name__}": facts.to_tree(fact)})
        return True

    def early_of(self, search_id: str, run_id: str) -> list[facts.Fact]:
        """What the run stated early, in the order in which runs state it."""
        kept = {name: tree for name, tree in self._early(search_id).items() if name.startswith(f"{EARLY}{run_id}/")}
        found = [facts.from_tree(tree) for tree in kept.values()]
        return sorted(found, key=lambda fact: list(facts.KINDS).index(type(fact).__name__))

    def _early(self, search_id: str) -> Mapping[str, Any]:
        attributes = self._storage.get_study_user_attrs(self._storage.get_study_id_from_name(search_id))
        return {name: value for name, value in attributes.items() if name.startswith(EARLY)}

    def _study(self, order: SearchOrder) -> optuna.Study:
        return optuna.load_study(
            study_name=order.search_id, storage=self._storage, pruner=pruner_of(order.spec.pruning)
        )

    def _trial_id(self, search_id: str, number: int) -> int:
        study_id = self._storage.get_study_id_from_name(search_id)
        return self._storage.get_trial_id_from_study_id_trial_number(study_id, number)


def _trial_of(frozen: FrozenTrial) -> Trial:
    attributes = frozen.user_attrs
    outcome = attributes.get("outcome")
    return Trial(
        number=frozen.number,
        parameters=frozen.params,
        drawn=attributes.get("drawn", False),
        ordered=attributes.get("ordered", False),
        run_id=attributes.get("run_id", ""),
        stop=attributes.get("stop", ""),
        stop_sent=attributes.get("stop_sent", False),
        epochs=attributes.get("epochs", 0),
        images_per_epoch=attributes.get("images_per_epoch", 0),
        metrics=attributes.get("metrics"),
        latency_ms=attributes.get("latency_ms"),
        outcome=Outcome(**outcome) if outcome else None,
        told=frozen.state.is_finished(),
    )


def _outcome_tree(outcome: Outcome) -> dict[str, Any]:
    return {
        "state": outcome.state,
        "values": dict(outcome.values),
        "message": outcome.message,
        "code": outcome.code,
    }


def _with_tuples(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
        for name, value in tree.items()
    }
