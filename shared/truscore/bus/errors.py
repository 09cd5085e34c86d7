"""What can go wrong on the bus, and the two things a handler says by raising."""


class BusError(Exception):
    """Any failure of the bus."""


class BusUnavailable(BusError):
    """The broker did not answer, or did not confirm, within the deadline."""


class Unroutable(BusError):
    """The broker has no queue for the message: the topology was not declared on it."""


class UnknownMessage(BusError):
    """The message, routing key or type is not in the topology."""


class TopologyMismatch(BusError):
    """A queue or exchange exists on the broker with other arguments than the topology's."""


class Undecodable(BusError):
    """The bytes or properties that arrived are no event of the contract; the text says which and what is accepted."""


class Poison(Exception):
    """Raised by a handler: this message can never succeed; it is dead-lettered at once with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HandBack(Exception):
    """Raised by a handler: not here, not now; the message goes back to its queue for another consumer."""
