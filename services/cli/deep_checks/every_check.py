"""The deep checks in their order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from services.cli.context import Addresses
from services.cli.deep_checks.certificates import certificates
from services.cli.deep_checks.clocks import clocks
from services.cli.deep_checks.events import events_and_objects
from services.cli.deep_checks.queues import queues
from services.cli.deep_checks.store_rights import store_rights
from services.cli.doctor import Check


def examine_deeply(addresses: Addresses, *, days: float) -> Iterator[Check]:
    """Each check bounded in time, none stopping the others. Events and objects are those of the last `days`."""
    yield from certificates(addresses)
    yield from clocks(addresses)
    if addresses.amqp_url:
        yield from queues(addresses.amqp_url)
    if addresses.s3_endpoint:
        yield from store_rights(addresses)
    if addresses.amqp_url and addresses.s3_endpoint:
        yield from events_and_objects(addresses, since=datetime.now(tz=UTC) - timedelta(days=days))
