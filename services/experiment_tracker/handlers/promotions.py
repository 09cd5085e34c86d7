"""Orders to promote, and models that were exported, in; promotions and refusals out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from truscore.bus import Envelope, Publisher
from truscore.configuration.run_id import is_run_id
from truscore.events.v1 import model_pb2
from truscore.releases.aliases import ALIASES, CHALLENGER, CHAMPION

from services.experiment_tracker.facts import Exported
from services.experiment_tracker.handlers.events import fact_of
from services.experiment_tracker.ledger import Ledger
from services.experiment_tracker.promotion import (
    ChampionRule,
    Order,
    better_than,
    refusal_of,
    run_of_version,
)
from services.experiment_tracker.record import Recorded

MAX_CHARS = 1000


class Promotions:
    """Decides and says so; the record changes when the log is read, which has what was said in one order."""

    def __init__(self, ledger: Ledger, publisher: Publisher, *, rule: ChampionRule) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._rule = rule

    async def ordered(self, message: model_pb2.ModelPromote, envelope: Envelope) -> None:
        """Promote by hand, or say why not."""
        order = Order(model=message.model_id, version=message.version, alias=message.alias, forced=message.forced)
        record = await self._record(message.version)
        named = {"model_id": message.model_id, "version": message.version, "alias": message.alias}
        refusal = refusal_of(order, record)
        if refusal is not None:
            answer = model_pb2.ModelPromotionRefused(
                **named, code=refusal.code, message=refusal.message, request_id=message.request_id
            )
            await self._publish(answer, envelope, message.request_id or envelope.event_id)
            return
        # What needed no force was not forced.
        forced = order.forced and refusal_of(replace(order, forced=False), record) is not None
        await self._promote(
            named,
            envelope,
            rule="hand",
            reason=message.reason[:MAX_CHARS],
            forced=forced,
            requested_by=message.requested_by[:MAX_CHARS],
            request_id=message.request_id,
        )

    async def exported(self, message: model_pb2.ModelExported, envelope: Envelope) -> None:
        """Promote by rule: a version that is fit for use is the challenger, or the champion."""
        fact = fact_of(message)
        if not isinstance(fact, Exported) or fact.fit_for_use is not True:
            return
        named = {"model_id": fact.model_id, "version": fact.version}
        reason = fact.fit_for_use_reason[:MAX_CHARS]
        if self._rule is ChampionRule.BETTER:
            champion = (await self._aliases(fact.model_id)).get(CHAMPION, "")
            found = None
            if run_of_version(champion) != fact.run_id:
                found = better_than(fact, await self._record(champion) if champion else None)
            if found is not None:
                await self._promote({**named, "alias": CHAMPION}, envelope, rule="better", reason=found)
                return
        await self._promote({**named, "alias": CHALLENGER}, envelope, rule="newest", reason=reason)

    async def _promote(self, named: dict[str, Any], envelope: Envelope, *, rule: str, **more: Any) -> None:
        promoted_at = Timestamp()
        promoted_at.FromDatetime(envelope.time)
        before = (await self._aliases(named["model_id"])).get(named["alias"], "")
        message = model_pb2.ModelPromoted(
            **named,
            run_id=run_of_version(named["version"]),
            previous_version="" if before == named["version"] else before,
            rule=rule,
            promoted_at=promoted_at,
            **more,
        )
        await self._publish(message, envelope, more.get("request_id") or f"{named['alias']}/{rule}")

    async def _publish(
        self, message: model_pb2.ModelPromoted | model_pb2.ModelPromotionRefused, envelope: Envelope, sequence: str
    ) -> None:
        subject = f"{message.model_id}/{message.version}"
        await self._publisher.publish(message, subject=subject, sequence=sequence, cause=envelope)

    async def _record(self, version: str) -> Recorded | None:
        run_id = run_of_version(version)
        return await asyncio.to_thread(self._ledger.get, run_id) if is_run_id(run_id) else None

    async def _aliases(self, model: str) -> dict[str, str]:
        found = await asyncio.to_thread(self._ledger.aliases, model)
        return {alias: version for alias, version in found.items() if alias in ALIASES}
