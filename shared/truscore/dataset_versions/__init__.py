"""Which content a dataset's version names. Knows versions, digests, where they are kept; knows no rules or events."""

from truscore.dataset_versions.version import (
    DatasetVersion,
    content_digest,
    folder_digest,
    version_from_json,
    version_to_json,
)
from truscore.dataset_versions.version_store import find_version, list_versions, put_version

__all__ = [
    "DatasetVersion",
    "content_digest",
    "find_version",
    "folder_digest",
    "list_versions",
    "put_version",
    "version_from_json",
    "version_to_json",
]
