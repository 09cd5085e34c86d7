"""Writes that depend on what is there: of several at once one succeeds, in memory and on a server."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
from truscore.dataset_versions import DatasetVersion, bind_version, find_version
from truscore.storage import AccessRefused, MemoryStore, ObjectChanged, S3Store, Store

from deploy.local.servers.objects import ObjectServer

AT_ONCE = 6


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.connected)])
def place(request: pytest.FixtureRequest) -> tuple[Store, str]:
    if request.param == "memory":
        return MemoryStore(buckets=["in-memory"]), "in-memory"
    return request.getfixturevalue("store"), request.getfixturevalue("bucket")


def test_what_is_new_is_written_once(place: tuple[Store, str]) -> None:
    store, bucket = place
    uri = f"s3://{bucket}/a/new Ü.json"
    stored = store.put_if(uri, b"first", etag="")
    assert (stored.uri, stored.size_bytes) == (uri, len(b"first"))
    with pytest.raises(ObjectChanged):
        store.put_if(uri, b"second", etag="")
    assert store.get(uri, limit_bytes=10, sha256=stored.sha256) == b"first"


def test_a_content_is_replaced_by_who_has_seen_it(place: tuple[Store, str]) -> None:
    store, bucket = place
    uri = f"s3://{bucket}/x"
    store.put(uri, b"first")
    seen = store.stat(uri)
    assert seen is not None
    store.put_if(uri, b"second", etag=seen.etag)
    for gone in (uri, f"s3://{bucket}/nothing"):
        with pytest.raises(ObjectChanged):
            store.put_if(gone, b"third", etag=seen.etag)
    assert store.get(uri, limit_bytes=10) == b"second"


def test_of_several_files_at_once_one_is_stored_whole(place: tuple[Store, str], tmp_path: Path) -> None:
    store, bucket = place
    uri, start = f"s3://{bucket}/package.tar", Barrier(AT_ONCE, timeout=60)

    def offer(number: int) -> str | None:
        path = tmp_path / str(number)
        path.write_bytes(bytes([number]) * 300_000)
        start.wait()
        try:
            return store.put_file_if(uri, path, etag="").sha256
        except ObjectChanged:
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        [stored] = [sha256 for sha256 in pool.map(offer, range(AT_ONCE)) if sha256]
    assert len(store.get(uri, limit_bytes=300_000, sha256=stored)) == 300_000


@pytest.mark.connected
def test_a_wrong_key_is_refused_by_name(s3: ObjectServer, bucket: str) -> None:
    with pytest.raises(AccessRefused):
        S3Store(s3.endpoint, s3.access_key, "wrong").put_if(f"s3://{bucket}/x", b"1", etag="")


@pytest.mark.parametrize("before", ["nothing", "a rejection"])
def test_of_several_acceptances_at_once_one_binds_and_all_are_told_which(place: tuple[Store, str], before: str) -> None:
    store, bucket = place
    start = Barrier(AT_ONCE, timeout=60)

    def version(digest: str, *, accepted: bool) -> DatasetVersion:
        at = datetime(2026, 1, 2, tzinfo=UTC)
        return DatasetVersion(
            dataset_id="cards", version="1", digest=digest, accepted=accepted, image_count=8, validated_at=at, uri="s3:"
        )

    def accept(number: int) -> str:
        start.wait()
        return bind_version(store, bucket, version(f"{number}" * 64, accepted=True)).digest

    if before == "a rejection":
        bind_version(store, bucket, version("f" * 64, accepted=False))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        bound = set(pool.map(accept, range(AT_ONCE)))
    kept = find_version(store, bucket, "cards", "1")
    assert kept is not None
    assert bound == {kept.digest}
