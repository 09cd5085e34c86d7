"""How often and after what delay a failed message is tried again. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Seconds to wait before each new try; after the last one the message is a dead letter. `room_every_s`: how often
    it is looked whether full dead letters have room again."""

    delays_s: tuple[float, ...] = (1, 5, 30, 120)
    room_every_s: float = 30

    def __post_init__(self) -> None:
        if any(delay < 0.001 for delay in self.delays_s):
            raise ValueError(f"delays_s={self.delays_s}: each delay must be at least 0.001 s")

    def delay_s(self, retries: int) -> float | None:
        """Seconds before the next try after `retries` retries; None where there is none left."""
        return self.delays_s[retries] if retries < len(self.delays_s) else None
