"""Where versions are kept: one small object each, all of a dataset under one prefix."""

from truscore.dataset_versions.version import DatasetVersion, version_from_json, version_to_json
from truscore.storage import ObjectChanged, ObjectMissing, Store, StoreUnavailable

RECORD_LIMIT_BYTES = 64 * 1024
MOST_VERSIONS = 10_000
MOST_ATTEMPTS = 20


def _prefix(bucket: str, dataset_id: str) -> str:
    # Names of versions begin with a letter or digit: none of them is this one.
    return f"s3://{bucket}/datasets/{dataset_id}/_versions/"


def _address(bucket: str, dataset_id: str, version: str) -> str:
    return f"{_prefix(bucket, dataset_id)}{version}.json"


def find_version(store: Store, bucket: str, dataset_id: str, version: str) -> DatasetVersion | None:
    """What is kept of the version, or None. Raises StoreError, and ValueError where what lies there is no record."""
    address = _address(bucket, dataset_id, version)
    try:
        text = store.get(address, limit_bytes=RECORD_LIMIT_BYTES)
    except ObjectMissing:
        return None
    try:
        return version_from_json(text)
    except ValueError as error:
        raise ValueError(f"{address}: {error}") from error


def bind_version(store: Store, bucket: str, version: DatasetVersion) -> DatasetVersion:
    """Keep it, unless the version was accepted before; returns what is kept. Raises as `find_version`.

    Of several acceptances at once one binds, on whatever machine they are: each replaces only what it has seen.
    """
    address = _address(bucket, version.dataset_id, version.version)
    for _ in range(MOST_ATTEMPTS):
        # The ETag first: what is written between both calls makes the write fail.
        entry = store.stat(address)
        kept = find_version(store, bucket, version.dataset_id, version.version) if entry else None
        if kept is not None and kept.accepted:
            return kept
        try:
            etag = entry.etag if entry else ""
            store.put_if(address, version_to_json(version), etag=etag, content_type="application/json")
        except ObjectChanged:
            continue
        return version
    raise StoreUnavailable(address, f"was written by others {MOST_ATTEMPTS} times while we wanted to")


def list_versions(store: Store, bucket: str, dataset_id: str) -> list[DatasetVersion]:
    """All versions of the dataset that were answered, the oldest first. Raises as `find_version`, and TooLarge."""
    found = []
    for entry in store.list(_prefix(bucket, dataset_id), limit=MOST_VERSIONS):
        name = entry.uri.rpartition("/")[2].removesuffix(".json")
        if (version := find_version(store, bucket, dataset_id, name)) is not None:
            found.append(version)
    return sorted(found, key=lambda version: (version.validated_at, version.version))
