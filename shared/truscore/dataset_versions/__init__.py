"""Which content a dataset's version names. Knows versions, digests, where they are kept; knows no rules or events."""

from truscore.dataset_versions.version import (
    DatasetVersion,
    content_digest,
    folder_digest,
    version_from_json,
    version_to_json,
)
from truscore.dataset_versions.version_store import bind_version, find_version, list_versions

__all__ = [
    "DatasetVersion",
    "bind_version",
    "content_digest",
    "find_version",
    "folder_digest",
    "list_versions",
    "version_from_json",
    "version_to_json",
]
