"""What the bus counts for Prometheus."""

from typing import Final

from prometheus_client import Counter

RECEIVED: Final = Counter(
    "truscore_bus_heard",
    "Deliveries by what became of them: done, retried, dead, dead_letters_full, handed_back or unsettled.",
    ["service", "routing_key", "outcome"],
)
PUBLISHED: Final = Counter("truscore_bus_said", "Events that the broker confirmed.", ["routing_key"])
