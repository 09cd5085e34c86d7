"""Where objects live. Knows addresses, bytes and digests; knows nothing of datasets, runs or events."""

from typing import TYPE_CHECKING, Any

from truscore.storage.address import Address, parse_uri
from truscore.storage.cache import Cache
from truscore.storage.download import Wanted, fetch_many
from truscore.storage.errors import (
    AccessRefused,
    DigestMismatch,
    InvalidUri,
    NoSpace,
    ObjectChanged,
    ObjectMissing,
    StoreError,
    StoreUnavailable,
    TooLarge,
)
from truscore.storage.memory import MemoryStore
from truscore.storage.store import Entry, FileSource, ObjectRef, Progress, Store, Stored

if TYPE_CHECKING:
    from truscore.storage.s3 import S3Store

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
    "ObjectChanged",
    "ObjectMissing",
    "ObjectRef",
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


def __getattr__(name: str) -> Any:
    # The client of S3 servers is imported by those who reach one.
    if name == "S3Store":
        from truscore.storage.s3 import S3Store

        return S3Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
