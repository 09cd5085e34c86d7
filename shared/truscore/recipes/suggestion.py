"""What a configuration is suggested from, and what a suggestion says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Facts(Protocol):
    """What has to be known of a dataset. Sides are in pixels; an object's as a share of its image's, from 0 to 1."""

    @property
    def images(self) -> int: ...
    @property
    def groups(self) -> int: ...
    @property
    def longer_side(self) -> int: ...
    @property
    def instances(self) -> int: ...
    @property
    def outlined(self) -> int: ...
    @property
    def small_object_side(self) -> float: ...
    @property
    def marked_share(self) -> float: ...
    @property
    def class_counts(self) -> Mapping[str, int]: ...
    @property
    def class_imbalance(self) -> float: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    name: str
    free_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """What training may take: cores, free main memory, GPUs."""

    cpu_cores: int
    free_bytes: int
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One key of the configuration, or "architecture", with its value and why."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A complete configuration: every key has a choice."""

    category: str
    option: str
    architecture: str
    choices: tuple[Choice, ...]

    @property
    def config(self) -> dict[str, Any]:
        """As `submit --config` takes it."""
        return config_tree(self.choices)


def config_tree(choices: Iterable[Choice]) -> dict[str, Any]:
    """The choices as one tree of sections; the architecture is named beside a configuration, not in it."""
    tree: dict[str, Any] = {}
    for choice in choices:
        if choice.key != "architecture":
            put(tree, choice.key, choice.value)
    return tree


def put(tree: dict[str, Any], key: str, value: Any) -> None:
    """Set the value of a dotted key, making its sections."""
    *sections, leaf = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[leaf] = value
