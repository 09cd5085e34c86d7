"""Everything the monitor knows at one moment: runs, waiting orders, hosts, unknown events and alerts, each of bounded
number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from services.monitor.alerts import AlertState, with_alert
from services.monitor.facts import (
    Acknowledged,
    AlertFact,
    Announced,
    Attached,
    Cleared,
    Fact,
    Failed,
    Raised,
    ReceivedOrder,
    Rejected,
    Sampled,
    UnknownEvent,
    Validated,
    Validating,
)
from services.monitor.orders import (
    Waiting,
    answers,
    is_orphan,
    matched,
    order_id,
    orphan_order,
    stage_of_order,
    with_attachment,
    with_order_fact,
    with_orphan,
    with_progress,
    with_refusal,
    with_rejection,
)
from services.monitor.run import Run, with_fact
from services.monitor.stage import ENDED, Stage, dataset_of, stage_of

Entry = Run | Waiting
DISPENSABLE = ENDED | {Stage.UNKNOWN}
V = TypeVar("V", Run, Waiting)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How much is kept; beyond it the oldest that has ended goes first."""

    runs: int = 500
    orders: int = 500
    hosts: int = 256
    unknown_events: int = 64
    alerts: int = 1000
    forgotten: int = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BoardState:
    """All that a board holds at one moment; what is in it never changes, so that this is made in no time."""

    runs: Mapping[str, Run]
    orders: Mapping[str, Waiting]
    hosts: Mapping[tuple[str, str], Sampled]
    unknown_events: Mapping[str, UnknownEvent]
    alerts: Mapping[str, AlertState]
    alerts_version: int
    forgotten: tuple[str, ...]

    def as_mapping(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of_mapping(cls, values: Mapping[str, Any]) -> BoardState:
        """TypeError where it is none."""
        return cls(**values)

    def without_older_than(self, at: float) -> BoardState:
        """Without the runs and orders of which nothing was heard since."""
        return replace(
            self,
            runs={key: run for key, run in self.runs.items() if run.last_event_at >= at},
            orders={key: order for key, order in self.orders.items() if order.last_event_at >= at},
        )


class Board:
    """Takes facts in any order and with any repeats; within its bounds the outcome is the same."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:
        self.bounds = bounds
        self.runs: dict[str, Run] = {}
        self.orders: dict[str, Waiting] = {}
        self.hosts: dict[tuple[str, str], Sampled] = {}
        self.unknown_events: dict[str, UnknownEvent] = {}
        self.alerts: dict[str, AlertState] = {}
        self.alerts_version = 0
        self._forgotten: dict[str, None] = {}

    def apply(self, fact: Fact, at: float, trace: str = "") -> None:
        match fact:
            case Announced() | Validated():
                self._order(fact.order, lambda waiting: with_order_fact(waiting, fact, at, trace))
            case Validating():
                self._answer(fact, lambda waiting: with_progress(waiting, fact, at, trace))
            case Rejected():
                self._answer(fact, lambda waiting: with_rejection(waiting, fact, at, trace))
            case Attached():
                self._attach(fact, at, trace)
            case Raised() | Cleared() | Acknowledged():
                self._alert(fact)
            case Failed() if not fact.run_id:
                self._refuse(fact, at, trace)
            case Sampled():
                self._sample(fact, at)
            case UnknownEvent():
                self._unknown_event(fact)
            case _:
                self._run(fact.run_id, lambda run: with_fact(run, fact, at, trace))

    def state(self) -> BoardState:
        """Everything, as it is now."""
        return BoardState(
            runs=dict(self.runs),
            orders=dict(self.orders),
            hosts=dict(self.hosts),
            unknown_events=dict(self.unknown_events),
            alerts=dict(self.alerts),
            alerts_version=self.alerts_version,
            forgotten=tuple(self._forgotten),
        )

    def restore(self, state: BoardState) -> None:
        """In place of all that it holds."""
        self.runs, self.orders = dict(state.runs), dict(state.orders)
        self.hosts, self.alerts = dict(state.hosts), dict(state.alerts)
        self.unknown_events, self.alerts_version = dict(state.unknown_events), state.alerts_version
        self._forgotten = dict.fromkeys(state.forgotten)

    def entries(self) -> list[Entry]:
        """Runs, and the orders that are not runs yet."""
        became = self._became()
        return [*self._known(), *(each for each in self.orders.values() if each.order_id not in became)]

    def find(self, reference: str) -> Entry | None:
        """A run by its id, an order (or what became of it) by its id or its event's, or the newest of a
        "dataset/version"."""
        if (run := self.runs.get(reference)) and stage_of(run) is not Stage.UNKNOWN:
            return run
        if waiting := self.orders.get(reference) or next(iter(self._named(reference)), None):
            became = self._became().get(waiting.order_id)
            return self.runs[became] if became else waiting
        if "/" in reference:
            return self._newest_of(reference)
        return None

    def _newest_of(self, reference: str) -> Entry | None:
        """By the dataset's name, or by that of an order of the same images: its run may have another name."""
        entries = {id_of(entry): entry for entry in self.entries()}
        ordered_at = {
            key: entry.first_event_at
            for key, entry in entries.items()
            if "/".join(dataset_of_entry(entry)) == reference
        }
        for key, run_id in self._became().items():
            waiting = self.orders[key]
            if f"{waiting.order.dataset_id}/{waiting.order.version}" == reference:
                ordered_at[run_id] = max(ordered_at.get(run_id, 0), waiting.first_event_at)
        newest = max(ordered_at, key=lambda key: (ordered_at[key], key), default=None)
        return entries[newest] if newest else None

    def _known(self) -> list[Run]:
        return [run for run in self.runs.values() if stage_of(run) is not Stage.UNKNOWN]

    def _became(self) -> dict[str, str]:
        return matched(self.orders.values(), self._known())

    def _named(self, event_id: str) -> list[Waiting]:
        return [waiting for waiting in self.orders.values() if event_id in waiting.event_ids]

    def _run(self, run_id: str, change: Callable[[Run], Run]) -> None:
        if run_id in self._forgotten or not run_id:
            return
        self.runs[run_id] = change(self.runs.get(run_id) or Run(run_id=run_id))
        self._forget(self.runs, self.bounds.runs, keep=run_id, ended=lambda run: stage_of(run) in DISPENSABLE)

    def _order(self, order: ReceivedOrder, change: Callable[[Waiting], Waiting]) -> None:
        key = order_id(order)
        if key in self._forgotten:
            return
        self.orders[key] = self._with_orphans(change(self.orders.get(key) or Waiting(order=order)))
        self._forget(self.orders, self.bounds.orders, keep=key, ended=lambda waiting: stage_of_order(waiting) in ENDED)

    def _with_orphans(self, waiting: Waiting) -> Waiting:
        """Takes up answers that were received before their order."""
        for key, orphan in list(self.orders.items()):
            if is_orphan(orphan) and answers(orphan, waiting):
                waiting = with_orphan(waiting, self.orders.pop(key))
        return waiting

    def _answer(self, fact: Rejected | Validating, change: Callable[[Waiting], Waiting]) -> None:
        """Of the order that it names; without a name, of every order of that dataset and request."""
        for order in self._addressed(fact):
            self._order(order, change)

    def _attach(self, fact: Attached, at: float, trace: str) -> None:
        # An event of a run that was forgotten is taken: somebody asked for it.
        self._forgotten.pop(fact.run_id, None)
        for order in self._addressed(fact):
            if not order.validation_only:
                self._order(order, lambda waiting: with_attachment(waiting, fact, at, trace))
        self._run(fact.run_id, lambda run: with_fact(run, fact, at, trace))

    def _addressed(self, fact: Rejected | Validating | Attached) -> list[ReceivedOrder]:
        orphan = orphan_order(fact.dataset_id, fact.version, fact.request_id, fact.order_event_id)
        if fact.order_event_id:
            return [waiting.order for waiting in self._named(fact.order_event_id)] or [orphan]
        orders = self._orders_of(fact.dataset_id, fact.version)
        return [order for order in orders if order.request_id == fact.request_id] or [orphan]

    def _refuse(self, fact: Failed, at: float, trace: str) -> None:
        if fact.order_event_id:
            named = [waiting.order for waiting in self._named(fact.order_event_id)]
            unanswered = orphan_order(fact.dataset_id, fact.dataset_version, fact.request_id, fact.order_event_id)
            for order in named or [unanswered]:
                self._order(order, lambda waiting: with_refusal(waiting, fact, at, trace))
            return
        became = self._became()
        open_ = [
            waiting
            for order in self._orders_of(fact.dataset_id, fact.dataset_version)
            if (waiting := self.orders[order_id(order)]).order_id not in became and not waiting.order.validation_only
        ]
        same = [waiting for waiting in open_ if trace in waiting.traces]
        oldest = min(same or open_, key=lambda waiting: (waiting.first_event_at, waiting.order_id), default=None)
        order = oldest.order if oldest else orphan_order(fact.dataset_id, fact.dataset_version, "")
        self._order(order, lambda waiting: with_refusal(waiting, fact, at, trace))

    def _orders_of(self, dataset_id: str, version: str) -> list[ReceivedOrder]:
        return [
            waiting.order
            for waiting in self.orders.values()
            if (waiting.order.dataset_id, waiting.order.version) == (dataset_id, version) and not is_orphan(waiting)
        ]

    def _sample(self, fact: Sampled, at: float) -> None:
        key = (fact.host, fact.service)
        held = self.hosts.get(key)
        if held is None or fact.sampled_at > held.sampled_at:
            self.hosts[key] = fact
        if len(self.hosts) > self.bounds.hosts:
            del self.hosts[min(self.hosts, key=lambda each: self.hosts[each].sampled_at)]
        self._run(fact.run_id, lambda run: with_fact(run, fact, at))

    def _unknown_event(self, fact: UnknownEvent) -> None:
        """The newest of each routing key."""
        held = self.unknown_events.get(fact.routing_key)
        if held is None or fact.at >= held.at:
            self.unknown_events[fact.routing_key] = fact
        if len(self.unknown_events) > self.bounds.unknown_events:
            del self.unknown_events[min(self.unknown_events, key=lambda each: self.unknown_events[each].at)]

    def _alert(self, fact: AlertFact) -> None:
        self.alerts_version += 1
        self.alerts[fact.alert_id] = with_alert(self.alerts.get(fact.alert_id), fact)
        if len(self.alerts) > self.bounds.alerts:
            del self.alerts[min(self.alerts, key=lambda each: (self.alerts[each].stands, self.alerts[each].since))]

    def _forget(self, held: dict[str, V], bound: int, *, keep: str, ended: Callable[[V], bool]) -> None:
        if len(held) <= bound:
            return
        others = ((not ended(value), value.last_event_at, key) for key, value in held.items() if key != keep)
        oldest = min(others)[2]
        del held[oldest]
        self._forgotten[oldest] = None
        if len(self._forgotten) > self.bounds.forgotten:
            del self._forgotten[next(iter(self._forgotten))]


def id_of(entry: Entry) -> str:
    return entry.run_id if isinstance(entry, Run) else entry.order_id


def dataset_of_entry(entry: Entry) -> tuple[str, str]:
    """Dataset id and version."""
    return dataset_of(entry) if isinstance(entry, Run) else (entry.order.dataset_id, entry.order.version)


def stage_of_entry(entry: Entry) -> Stage:
    return stage_of(entry) if isinstance(entry, Run) else stage_of_order(entry)
