"""Which items go: those that are old enough, and that nothing which stays descends from."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from services.cli.retention.policy import Policy

DAY_S = 24 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """What is deleted as a whole: the objects under one address.

    `kind` is one of a policy's, `since` in seconds of Unix time; `protected` says why it stays whatever its age, and is
    empty where nothing protects it."""

    kind: str
    uri: str
    since: float
    descends_from: frozenset[str] = frozenset()  # addresses
    protected: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Items that go, what descends before what it descends from; and why each other one stays, by address."""

    deleted: tuple[Item, ...]
    kept: dict[str, str]

    @property
    def digest(self) -> str:
        """Names the plan: another list of items has another one."""
        return sha256("\n".join(item.uri for item in self.deleted).encode()).hexdigest()[:12]


ORDER = {"models": 0, "checkpoints": 1, "runs": 2, "datasets": 3}


def plan(items: Iterable[Item], policy: Policy, *, now: float) -> Plan:
    """What the policy deletes at `now`, in seconds of Unix time. What an item that stays descends from stays, too."""
    by_uri = {item.uri: item for item in items}
    kept = {item.uri: reason for item in by_uri.values() if (reason := _reason(item, policy, now))}
    waiting = sorted(kept)
    while waiting:
        uri = waiting.pop()
        for ancestor in sorted(by_uri[uri].descends_from & by_uri.keys() - kept.keys()):
            kept[ancestor] = f"{uri} descends from it"
            waiting.append(ancestor)
    deleted = [item for uri, item in by_uri.items() if uri not in kept]
    return Plan(deleted=tuple(sorted(deleted, key=lambda item: (ORDER[item.kind], item.uri))), kept=kept)


def _reason(item: Item, policy: Policy, now: float) -> str:
    """Why the item stays for its own sake; empty where it may go."""
    if item.protected:
        return item.protected
    days = policy.keep_days.get(item.kind)
    if days is None:
        return f"{item.kind} stay for ever"
    age_days = (now - item.since) / DAY_S
    return "" if age_days > days else f"{age_days:.1f} days old, {item.kind} stay {days:g}"
