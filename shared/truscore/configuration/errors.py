"""The one way a configuration is refused."""

from typing import Any


class InvalidConfig(ValueError):
    """A configuration that can't be run: ``key`` at fault, its ``value``, and what is ``accepted`` instead."""

    def __init__(self, key: str, value: Any, accepted: str) -> None:
        super().__init__(f"{key}: {_shown(value)} is not accepted; accepted: {accepted}")
        self.key = key
        self.value = value
        self.accepted = accepted

    def __reduce__(self) -> tuple[type["InvalidConfig"], tuple[str, Any, str]]:
        return InvalidConfig, (self.key, self.value, self.accepted)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
