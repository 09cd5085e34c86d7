"""Who says what to whom and how it gets there. Knows messages, queues and retries; knows no dataset, run or model."""

from truscore.bus.broker import Bus, connect
from truscore.bus.canary import Canary, canary
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
from truscore.bus.hearing import hear
from truscore.bus.memory import MemorySpeaker
from truscore.bus.overhearing import overhear
from truscore.bus.replaying import LogReader, Stray, replay_log
from truscore.bus.retry import RetryPolicy
from truscore.bus.serving import serve
from truscore.bus.speaking import Speaker, Utterance, speaker
from truscore.bus.topology import EXCHANGE, TOPOLOGY, dead_name, inbox_name
from truscore.bus.working import finish_or_hand_back, hardware_sampled

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
    "MemorySpeaker",
    "Poison",
    "RetryPolicy",
    "Speaker",
    "Stray",
    "TopologyMismatch",
    "Undecodable",
    "UnknownMessage",
    "Unroutable",
    "Utterance",
    "canary",
    "connect",
    "dead_name",
    "event_id",
    "finish_or_hand_back",
    "hardware_sampled",
    "hear",
    "inbox_name",
    "overhear",
    "replay_log",
    "serve",
    "speaker",
]
