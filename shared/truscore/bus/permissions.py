"""What each user of the broker may do: one AMQP user per service, its patterns derived from the table of messages.

A user makes, fills and reads the queues of its own name; it publishes the messages that the table lists it as a
publisher of, and binds its queues to those that it may receive. Pure; touches no socket. RabbitMQ's words: `configure`,
`write` and `read` are regular expressions over the names of queues and exchanges, topic permissions over routing keys.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from truscore.bus import topology
from truscore.bus.topology import TOPOLOGY, Row

SERVICES: Final = (
    topology.VALIDATOR,
    topology.TRAINER,
    topology.EXPORTER,
    topology.MONITOR,
    topology.TRACKER,
    topology.SEARCH,
)
# Who publishes orders and requests and what downstream systems are called; queues of their own have their names.
OTHERS: Final = (*topology.PEOPLE, topology.ENGINE)
# Messages that say how an order or its run stands: what these publish, machines' load left out.
_WORKING: Final = (topology.VALIDATOR, topology.TRAINER, topology.EXPORTER, topology.SEARCH)
_NOTHING: Final = "^$"
# Bringing dead letters back is to put them into inboxes of others: for people at the command line alone.
OPERATOR: Final = "cli"
DEFAULT_EXCHANGE: Final = "amq.default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Permissions:
    """Of one user in one virtual host; `publish` and `bind` are over routing keys of the topic exchange."""

    user: str
    configure: str
    write: str
    read: str
    publish: str
    bind: str


def permissions() -> tuple[Permissions, ...]:
    """Of every user, by name."""
    return tuple(sorted(map(permissions_of, (*SERVICES, *OTHERS)), key=lambda each: each.user))


def permissions_of(user: str) -> Permissions:
    """Of one user. ValueError where the table knows none of this name."""
    if user not in (*SERVICES, *OTHERS):
        raise ValueError(f"user {user!r}; accepted are {', '.join(sorted((*SERVICES, *OTHERS)))}")
    own = [rf"{re.escape(user)}\..+", rf"canary\.{re.escape(user)}\..+"]
    publish = [row.routing_key for row in TOPOLOGY if user in row.publishers]
    bind = [row.routing_key for row in TOPOLOGY if _may_bind(user, row)]
    write = [*own, *(re.escape(name) for name in _written(user, publishes=bool(publish)))]
    read = [*own, *(re.escape(name) for name in (topology.EXCHANGE, topology.RETRY_EXCHANGE, topology.DEAD_EXCHANGE))]
    if user in {reader.service for reader in topology.LOG_READERS}:
        read.append(re.escape(topology.LOG))
    if user == topology.MONITOR:
        read.append(re.escape(topology.AUDIT))
    if user == OPERATOR:
        read += [r".+\.dead", re.escape(topology.LOG)]  # `truscore doctor --deep` reads the log
    return Permissions(
        user=user,
        configure=_any(own),
        write=_any(write),
        read=_any(read),
        publish=_any(map(re.escape, publish)),
        bind=_any(map(re.escape, bind)),
    )


def _written(user: str, *, publishes: bool) -> list[str]:
    """Exchanges. Everybody's canary goes by that of the dead letters, and a reader's marker to the log too."""
    names = [topology.EXCHANGE] if publishes else []
    if _has_inboxes(user):
        names.append(topology.RETRY_EXCHANGE)
    if user in SERVICES or user == "studio":
        names.append(topology.DEAD_EXCHANGE)
    if user == topology.MONITOR:
        names.append(topology.AUDIT)
    return [*names, DEFAULT_EXCHANGE] if user == OPERATOR else names


def _may_bind(user: str, row: Row) -> bool:
    # Services of ours receive what the table says; people and engines may also watch how orders stand.
    if any(consumer.service == user and consumer.inbox for consumer in row.listeners):
        return True
    if user in topology.PEOPLE:
        return bool(set(row.publishers) & set(_WORKING)) and row.routing_key != "hardware.sampled"
    return user == topology.ENGINE and any(consumer.service == user for consumer in row.listeners)


def _has_inboxes(user: str) -> bool:
    return any(consumer.service == user for _, consumer in topology.inboxes())


def _any(patterns: Iterable[str]) -> str:
    """One expression that takes a whole name that one of the patterns takes."""
    listed = list(patterns)
    return f"^({'|'.join(listed)})$" if listed else _NOTHING
