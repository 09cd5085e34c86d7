"""Where objects live. Knows addresses, bytes and digests; knows nothing of datasets, runs or events."""

from truscore.storage.address import Address, parse_uri
from truscore.storage.cache import Cache
from truscore.storage.download import Wanted, fetch_many
from truscore.storage.errors import (
    AccessRefused,
    DigestMismatch,
    InvalidUri,
    NoSpace,
    ObjectMissing,
    StoreError,
    StoreUnavailable,
    TooLarge,
)
from truscore.storage.memory import MemoryStore
from truscore.storage.s3 import S3Store
from truscore.storage.store import Entry, FileSource, Progress, Store, Stored

__all__ = [
    "AccessRefused",
    "Address",
    "Cache",
    "DigestMismatch",
    "Entry",
    "FileSource",
    "InvalidUri",
    "MemoryStore",
    "NoSpace",
    "ObjectMissing",
    "Progress",
    "S3Store",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "Stored",
    "TooLarge",
    "Wanted",
    "fetch_many",
    "parse_uri",
]
