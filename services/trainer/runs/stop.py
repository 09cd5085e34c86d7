"""The request to stop that a run is under."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from services.trainer.run_store.stop_requests import WORDS as STORED_WORDS

# The strongest first: a weaker request never replaces a stronger one.
WORDS = (*STORED_WORDS, "preempt")


@dataclass(kw_only=True, slots=True)
class Stop:
    """The request to stop that a run is under, whoever made it; the strongest wins."""

    word: str = ""
    reason: str = ""  # of a "preempt": the run that the place is for
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def request(self, word: str, *, reason: str = "") -> None:
        if not self.word or WORDS.index(word) < WORDS.index(self.word):
            self.word, self.reason = word, reason
            self.changed.set()

    def forget(self, word: str) -> None:
        if self.word == word:
            self.word = self.reason = ""
