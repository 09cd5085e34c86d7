"""Events out, and answers of other services in: the only place of the studio that names a message class."""

from services.studio.handlers.dead_letters import DeadLetters, LettersAway, LettersRefused
from services.studio.handlers.experiments import Experiments, TrackerAway
from services.studio.handlers.monitor import Monitor, MonitorAway, RunUnknown
from services.studio.handlers.publish import Requests
from services.studio.handlers.searches import Searches, SearchesAway, SearchUnknown

__all__ = [
    "DeadLetters",
    "Experiments",
    "LettersAway",
    "LettersRefused",
    "Monitor",
    "MonitorAway",
    "Requests",
    "RunUnknown",
    "SearchUnknown",
    "Searches",
    "SearchesAway",
    "TrackerAway",
]
