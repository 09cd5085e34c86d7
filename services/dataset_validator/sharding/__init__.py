"""Where the images of a large dataset are measured. Knows shards, workers and measures by content; judges nothing."""

from services.dataset_validator.sharding.local import LocalShards
from services.dataset_validator.sharding.premeasuring import Premeasuring
from services.dataset_validator.sharding.shard import (
    MeasuredShard,
    Shard,
    ShardBounds,
    ShardImage,
    ShardRunner,
    ShardsUnavailable,
)

__all__ = [
    "LocalShards",
    "MeasuredShard",
    "Premeasuring",
    "Shard",
    "ShardBounds",
    "ShardImage",
    "ShardRunner",
    "ShardsUnavailable",
]
