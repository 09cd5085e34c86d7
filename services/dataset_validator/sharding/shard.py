"""What a worker is given and what it gives back, and the port: where shards are run."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from truscore.validation.measured_images import Row


class ShardsUnavailable(Exception):
    """Images cannot be measured now: the workers' fault and not the dataset's. Tried again, it goes on where it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardImage:
    """One image: where it lies in the dataset's folder and in the store, and what its bytes must be."""

    path: str
    uri: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """Images to be measured together. It names objects and holds no credential: a worker has its own."""

    number: int
    images: tuple[ShardImage, ...]
    thumbnail_px: int
    measured_with: str  # code, libraries and bounds: a worker of another release must not take part


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredShard:
    """Measures by digest of what could be measured. Images that crash a decoder, or outgrow its bounds, are missing."""

    number: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardBounds:
    """What measuring one shard may cost. A shard is given up after so many tries of whole shards."""

    memory_bytes: int = 6 * 2**30
    timeout_s: float = 900.0
    tries: int = 3


Keep = Callable[[MeasuredShard], Awaitable[None]]


class ShardRunner(Protocol):
    """Where shards of reading and measuring run."""

    async def run(self, shards: Iterable[Shard], *, folder: Path, keep: Keep, deadline_s: float) -> None:
        """Run all shards, in any order and several at once, and `keep` what each gives, one at a time.

        `folder` is where the dataset's files lie on this machine. Raises ShardsUnavailable where the workers, and not
        the images, are why a shard has no result, and where all of it takes longer than `deadline_s`.
        """
        ...


def shards_of(
    images: Sequence[ShardImage], *, most_images: int, thumbnail_px: int, measured_with: str
) -> Iterator[Shard]:
    """The images in shards of at most so many, each made when it is asked for."""
    for number, start in enumerate(range(0, len(images), most_images)):
        yield Shard(
            number=number,
            images=tuple(images[start : start + most_images]),
            thumbnail_px=thumbnail_px,
            measured_with=measured_with,
        )
