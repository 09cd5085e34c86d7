"""Two exporters that hold one run at once, as after a delivery that was given again: one release, whoever is first."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from truscore.files import sha256_of
from truscore.releases import read_manifest
from truscore.storage import MemoryStore, Stored, StoreUnavailable
from truscore.storage.signing import Signer

from services.exporter import committed_package
from services.exporter.release import Release
from services.exporter.release_store import ReleaseStore

BUCKET = "truscore"
PLACE = f"s3://{BUCKET}/models/border_detection.dual_class.mask_rcnn/run-1/"
MOST_WRITES = 12
PRIVATE, OTHER_PRIVATE = "11" * 32, "22" * 32


class InterruptedStore(MemoryStore):
    """Calls `interruption` once, before write number `at` is made."""

    def __init__(self, *, at: int) -> None:
        super().__init__()
        self.writes = 0
        self.interruption: Callable[[], object] = lambda: None
        self._at = at

    def put(self, uri: str, data: bytes, *, content_type: str = "") -> Stored:
        self._write()
        return super().put(uri, data)

    def put_if(self, uri: str, data: bytes, *, etag: str, content_type: str = "") -> Stored:
        self._write()
        return super().put_if(uri, data, etag=etag)

    def _write(self) -> None:
        self.writes += 1
        if self.writes == self._at:
            self.interruption()


def kept(
    store: MemoryStore, release: Release, folder: Path, *, model: bytes, latency_ms: float, key: str = PRIVATE
) -> Release:
    """The release as an exporter keeps it that measured this latency on a model file of these bytes."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model)
    [artifact] = release.artifacts
    made = replace(
        artifact,
        sha256=sha256_of(folder / "model.onnx"),
        size_bytes=len(model),
        benchmark=replace(artifact.benchmark, latency_ms_p50=latency_ms),
    )
    signer = Signer(key) if key else None
    return ReleaseStore(store, bucket=BUCKET, signer=signer).keep(replace(release, artifacts=(made,)), folder)


def assert_whole(store: MemoryStore, release: Release) -> None:
    """What lies in the store is what was announced, file by file."""
    manifest = read_manifest(store.get(PLACE + "manifest.json", limit_bytes=1 << 20))
    assert manifest.package_sha256 == release.package_sha256
    assert [file.sha256 for file in manifest.artifacts] == [each.sha256 for each in release.artifacts]
    for file in manifest.files:
        store.get(PLACE + file.file_name, limit_bytes=1 << 20, sha256=file.sha256)


@pytest.mark.parametrize("at", range(1, MOST_WRITES))
def test_one_that_stood_still_while_another_kept_the_release_announces_the_same(
    at: int, release_with: Callable[..., Release], tmp_path: Path
) -> None:
    store, release, others = InterruptedStore(at=at), release_with(), []
    store.interruption = lambda: others.append(
        kept(store, release, tmp_path / "other", model=b"the other's", latency_ms=2)
    )
    mine = kept(store, release, tmp_path / "mine", model=b"mine", latency_ms=1)
    assert store.writes < at or others == [mine]
    assert_whole(store, mine)


@pytest.mark.parametrize("at", range(1, MOST_WRITES))
def test_one_that_died_while_it_stored_leaves_nothing_that_is_mixed_with_what_another_keeps(
    at: int, release_with: Callable[..., Release], tmp_path: Path
) -> None:
    def away() -> None:
        raise StoreUnavailable(PLACE, "no answer")

    store, release = InterruptedStore(at=at), release_with()
    store.interruption = away
    with suppress(StoreUnavailable):
        kept(store, release, tmp_path / "first", model=b"the first's", latency_ms=1)
    store.interruption = lambda: None
    assert_whole(store, kept(store, release, tmp_path / "second", model=b"the second's", latency_ms=2))


@pytest.mark.parametrize("key", ["", OTHER_PRIVATE])
def test_a_package_that_was_not_sealed_with_our_key_is_replaced_and_never_signed(
    key: str, release_with: Callable[..., Release], tmp_path: Path
) -> None:
    """Whoever may write to the bucket could have put it there."""
    store, release = MemoryStore(), release_with()
    kept(store, release, tmp_path / "planted", model=b"planted", latency_ms=2, key=key)
    mine = kept(store, release, tmp_path / "mine", model=b"mine", latency_ms=1)
    assert store.get(PLACE + "model.onnx", limit_bytes=99) == b"mine"
    assert_whole(store, mine)


def test_a_package_that_is_larger_than_one_may_be_is_replaced_unread(
    release_with: Callable[..., Release], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, release = MemoryStore(), release_with()
    kept(store, release, tmp_path / "vast", model=b"vast", latency_ms=2)
    monkeypatch.setattr(committed_package, "MOST_BYTES", 100)
    assert_whole(store, kept(store, release, tmp_path / "mine", model=b"mine", latency_ms=1))
    assert store.get(PLACE + "model.onnx", limit_bytes=99) == b"mine"
