"""Who says what to whom and how it gets there. Knows messages, queues and retries; knows no dataset, run or model."""

from truscore.bus.broker import Bus, connect
from truscore.bus.consuming.broadcast import consume_broadcast
from truscore.bus.consuming.canary import Canary, canary
from truscore.bus.consuming.consumer import consume
from truscore.bus.consuming.drain import finish_or_hand_back
from truscore.bus.consuming.log_entry import event_id_at
from truscore.bus.consuming.log_reader import LogReader, Stray, replay_log
from truscore.bus.consuming.retry import RetryPolicy
from truscore.bus.envelope import Envelope, event_id
from truscore.bus.errors import (
    BusError,
    BusUnavailable,
    HandBack,
    Poison,
    TopologyMismatch,
    Undecodable,
    UnknownMessage,
    Unroutable,
)
from truscore.bus.hardware import hardware_sampled, reporting_hardware, sample_sequence
from truscore.bus.memory import MemoryPublisher
from truscore.bus.publisher import OutgoingEvent, Publisher, publisher
from truscore.bus.service import serve
from truscore.bus.topology import EXCHANGE, TOPOLOGY, dead_name, inbox_name

__all__ = [
    "EXCHANGE",
    "TOPOLOGY",
    "Bus",
    "BusError",
    "BusUnavailable",
    "Canary",
    "Envelope",
    "HandBack",
    "LogReader",
    "MemoryPublisher",
    "OutgoingEvent",
    "Poison",
    "Publisher",
    "RetryPolicy",
    "Stray",
    "TopologyMismatch",
    "Undecodable",
    "UnknownMessage",
    "Unroutable",
    "canary",
    "connect",
    "consume",
    "consume_broadcast",
    "dead_name",
    "event_id",
    "event_id_at",
    "finish_or_hand_back",
    "hardware_sampled",
    "inbox_name",
    "publisher",
    "replay_log",
    "reporting_hardware",
    "sample_sequence",
    "serve",
]
