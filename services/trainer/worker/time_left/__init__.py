"""How long a run still takes, with an interval: from the times of its phases and the history of its score. Pure."""

from services.trainer.worker.time_left.estimate import EpochTimes, Schedule, TimeLeft, UnderWay, estimate_time_left
from services.trainer.worker.time_left.stopping import Patience

__all__ = ["EpochTimes", "Patience", "Schedule", "TimeLeft", "UnderWay", "estimate_time_left"]
