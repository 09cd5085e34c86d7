"""Champion and challenger: what may be promoted by hand, and what the rules promote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from truscore.bus import Envelope, MemoryPublisher
from truscore.events.v1.model_pb2 import ModelPromote, ModelPromoted, ModelPromotionRefused

from services.experiment_tracker.handlers import Promotions, fact_of
from services.experiment_tracker.ledger import MemoryLedger
from services.experiment_tracker.promotion import ChampionRule
from services.experiment_tracker.recorder import Recorder
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import MODEL, RUN, PublishedEvent, record_all

OTHER = "run-" + "1" * 20


def envelope(at: float, request: str = "") -> Envelope:
    return Envelope(
        event_id=f"event {at} {request}",
        type="",
        source="truscore/cli",
        subject="",
        time=datetime.fromtimestamp(at, tz=UTC),
        correlation_id="",
        traceparent=None,
        delivery=1,
    )


class Tracker:
    """A ledger, and promotions on it whose answers go on record as they do by way of the log."""

    def __init__(self, rule: ChampionRule = ChampionRule.HAND) -> None:
        self.ledger, self.publisher = MemoryLedger(), MemoryPublisher(service="experiment-tracker")
        self.promotions = Promotions(self.ledger, self.publisher, rule=rule)

    async def exports(
        self, run_id: str, *, fit: bool | None = True, interval: tuple[float, float] = (0.7, 0.9), dataset: str = "1"
    ) -> None:
        events = run_events.whole_run(run_id)
        if fit is not None:
            events[-2:] = [run_events.compared(event, fit=fit) for event in events[-2:]]
            for event in events[-2:]:
                found: Any = event.message
                found.dataset_version = dataset
                found.trivial_comparison.intervals[0].lower, found.trivial_comparison.intervals[0].upper = interval
        record_all(self.ledger, events)
        at = run_events.BEGIN_S + 1000 + len(self.publisher.published)
        await self.promotions.exported(events[-1].message, envelope(at))  # type: ignore[arg-type]
        self.read_log()

    async def ordered(self, version: str, alias: str = "champion", *, forced: bool = False) -> Any:
        order = ModelPromote(
            model_id=MODEL, version=version, alias=alias, forced=forced, requested_by="anna", request_id=f"r {version}"
        )
        await self.promotions.ordered(order, envelope(run_events.BEGIN_S + 5000))
        self.read_log()
        return self.publisher.published[-1][0]

    def read_log(self) -> None:
        for message, sent in self.publisher.published:
            fact = fact_of(message)
            if fact is not None:
                Recorder(self.ledger).record(fact, sent.time.timestamp())

    @property
    def aliases(self) -> dict[str, str]:
        return self.ledger.aliases(MODEL)


async def test_the_newest_version_that_is_fit_for_use_is_the_challenger_and_no_other() -> None:
    tracker = Tracker()
    await tracker.exports(RUN)
    await tracker.exports(OTHER, fit=False)
    await tracker.exports("run-" + "2" * 20, fit=None)
    assert tracker.aliases == {"challenger": RUN}


async def test_a_version_is_promoted_by_hand_with_who_asked_and_what_it_replaces() -> None:
    tracker = Tracker()
    await tracker.exports(RUN)
    await tracker.exports(OTHER)
    await tracker.ordered(RUN)
    answer = await tracker.ordered(OTHER)
    assert tracker.aliases == {"champion": OTHER, "challenger": OTHER}
    assert isinstance(answer, ModelPromoted)
    assert (answer.previous_version, answer.rule, answer.requested_by, answer.forced) == (RUN, "hand", "anna", False)
    assert answer.request_id == f"r {OTHER}"


@pytest.mark.parametrize("fit", [False, None], ids=["unfit", "not known"])
async def test_a_version_that_is_not_known_to_be_fit_is_promoted_only_by_force_and_that_is_said(
    fit: bool | None,
) -> None:
    tracker = Tracker()
    await tracker.exports(RUN, fit=fit)
    refused = await tracker.ordered(RUN)
    assert isinstance(refused, ModelPromotionRefused)
    assert (refused.code, tracker.aliases) == ("not_fit_for_use", {})
    forced = await tracker.ordered(RUN, forced=True)
    assert isinstance(forced, ModelPromoted)
    assert forced.forced
    assert tracker.aliases == {"champion": RUN}


async def test_force_that_was_not_needed_is_not_on_record() -> None:
    tracker = Tracker()
    await tracker.exports(RUN)
    assert not (await tracker.ordered(RUN, forced=True)).forced


@pytest.mark.parametrize(
    ("version", "alias", "code"),
    [(OTHER, "champion", "unknown_version"), ("../x", "champion", "unknown_version"), (RUN, "best", "unknown_alias")],
)
async def test_what_is_not_on_record_and_other_names_are_refused(version: str, alias: str, code: str) -> None:
    tracker = Tracker()
    await tracker.exports(RUN)
    answer = await tracker.ordered(version, alias, forced=True)
    assert (answer.code, answer.version) == (code, version)


async def test_a_repeated_order_and_a_repeated_export_say_the_same_events() -> None:
    tracker = Tracker()
    await tracker.exports(RUN)
    await tracker.ordered(RUN)
    first = {sent.event_id: message for message, sent in tracker.publisher.published}
    await tracker.ordered(RUN)
    again = tracker.publisher.published[-1]
    assert again[0] == first[again[1].event_id]


@pytest.mark.parametrize(
    ("interval", "dataset", "champion"),
    [((0.91, 0.95), "1", OTHER), ((0.85, 0.95), "1", RUN), ((0.91, 0.95), "2", RUN), ((0.1, 0.2), "1", RUN)],
    ids=["better by more than chance", "overlapping", "another dataset", "worse"],
)
async def test_by_rule_a_champion_is_replaced_by_what_is_better_by_more_than_chance(
    interval: tuple[float, float], dataset: str, champion: str
) -> None:
    tracker = Tracker(ChampionRule.BETTER)
    await tracker.exports(RUN)
    assert tracker.aliases == {"champion": RUN}
    await tracker.exports(OTHER, interval=interval, dataset=dataset)
    assert tracker.aliases["champion"] == champion
    if champion == RUN:
        assert tracker.aliases["challenger"] == OTHER


async def test_by_rule_an_unfit_version_is_never_champion() -> None:
    tracker = Tracker(ChampionRule.BETTER)
    await tracker.exports(RUN, fit=False, interval=(0.98, 0.99))
    assert tracker.aliases == {}


def test_a_promotion_of_another_kind_of_name_is_none() -> None:
    event = PublishedEvent(ModelPromoted(model_id=MODEL, version=RUN, alias="champion"), 0)
    assert fact_of(event.message) is None
