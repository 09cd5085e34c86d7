"""The cache: bounded, honest about content, shared between processes."""

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from truscore.storage import Cache, DigestMismatch, MemoryStore, ObjectMissing, Stored, fetch_many


def put(store: MemoryStore, content: bytes) -> Stored:
    return store.put(f"s3://bucket/{hashlib.sha256(content).hexdigest()}", content)


def held(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.glob("??/*")}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_the_least_recently_used_file_goes_first(store: MemoryStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=25)
    one, two, three = (put(store, content) for content in (b"1" * 10, b"2" * 10, b"3" * 10))
    for age, stored in ((30, one), (20, two)):
        path = cache.fetch(store, stored.uri, stored.sha256)
        os.utime(path, (path.stat().st_atime - age, path.stat().st_mtime - age))
    cache.fetch(store, one.uri, one.sha256)  # used again: now the younger of the two
    cache.fetch(store, three.uri, three.sha256)
    assert held(tmp_path) == {b"1" * 10, b"3" * 10}


def test_a_file_larger_than_the_cache_is_served_and_stays_alone(store: MemoryStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=5)
    small, large = put(store, b"123"), put(store, b"0123456789")
    cache.fetch(store, small.uri, small.sha256)
    assert cache.fetch(store, large.uri, large.sha256).read_bytes() == b"0123456789"
    assert held(tmp_path) == {b"0123456789"}


def test_a_damaged_file_is_fetched_again(store: MemoryStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=100)
    stored = put(store, b"content")
    path = cache.fetch(store, stored.uri, stored.sha256)
    path.chmod(0o644)
    path.write_bytes(b"bit rot")
    assert cache.fetch(store, stored.uri, stored.sha256).read_bytes() == b"content"


def test_a_fetch_that_fails_leaves_nothing_in_the_cache(store: MemoryStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=100)
    stored = put(store, b"content")
    with pytest.raises(DigestMismatch):
        cache.fetch(store, stored.uri, "0" * 64)
    with pytest.raises(ObjectMissing):
        cache.fetch(store, "s3://bucket/none", "1" * 64)
    assert held(tmp_path) == set()


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_name_that_is_no_digest_is_refused(store: MemoryStore, tmp_path: Path, sha256: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        Cache(tmp_path, limit_bytes=100).fetch(store, "s3://bucket/x", sha256)


def test_files_given_out_stay_when_the_cache_evicts_them(store: MemoryStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=10)
    stored = [put(store, b"%d" % number * 10) for number in range(5)]
    wanted = [(one.uri, one.sha256, tmp_path / "out" / str(number)) for number, one in enumerate(stored)]
    fetch_many(store, wanted, cache=cache, workers=4)
    assert [path.read_bytes() for _, _, path in wanted] == [b"%d" % number * 10 for number in range(5)]
    assert sum(map(len, held(tmp_path / "cache"))) <= 10


def test_a_file_at_hand_is_kept_without_a_request_to_the_store(store: MemoryStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=100)
    (tmp_path / "here").write_bytes(b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    for _ in range(2):
        cache.keep(tmp_path / "here", sha256)
    assert (cache.size_of(sha256), cache.size_of("0" * 64)) == (7, None)
    kept = cache.fetch(store, "s3://bucket/none", sha256)
    assert kept.samefile(tmp_path / "here")
    assert kept.stat().st_mode & 0o777 == 0o444
    assert [path.name for path in kept.parent.iterdir()] == [sha256]


def test_files_at_hand_stay_within_the_bound(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=25)
    for content in (b"1" * 10, b"2" * 10, b"3" * 10):
        (tmp_path / content.decode()).write_bytes(content)
        cache.keep(tmp_path / content.decode(), hashlib.sha256(content).hexdigest())
    assert b"3" * 10 in held(tmp_path / "cache")
    assert cache.size_bytes() == 10 * len(held(tmp_path / "cache")) <= 25


def test_a_cache_gives_way_by_its_oldest_files(store: MemoryStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=100)
    for age, content in enumerate((b"3" * 10, b"2" * 10, b"1" * 10)):
        stored = put(store, content)
        path = cache.fetch(store, stored.uri, stored.sha256)
        os.utime(path, (path.stat().st_atime - 10 * age, path.stat().st_mtime - 10 * age))
    assert cache.drop(11) == 20
    assert held(tmp_path) == {b"3" * 10}
    assert (cache.drop(1000), cache.drop(1000)) == (10, 0)


def test_where_nothing_can_be_linked_files_are_copied_from_the_cache(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    cache = Cache(tmp_path / "cache", limit_bytes=100)
    (tmp_path / "here").write_bytes(b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    cache.keep(tmp_path / "here", sha256)
    assert cache.fetch_to(store, "s3://bucket/none", sha256, tmp_path / "out").read_bytes() == b"content"
    assert not (tmp_path / "out").samefile(cache.fetch(store, "s3://bucket/none", sha256))


class CrowdedStore(MemoryStore):
    """A store whose every download ends just as the cache is emptied by a neighbour."""

    def __init__(self, cache_folder: Path) -> None:
        super().__init__()
        self._cache_folder = cache_folder

    def get_file(self, *arguments: Any, **options: Any) -> Stored:
        stored = super().get_file(*arguments, **options)
        for path in self._cache_folder.glob("??/*"):
            if len(path.name) == 64:  # what evicting looks at
                path.unlink()
        return stored


def test_an_eviction_just_after_the_download_loses_nothing(tmp_path: Path) -> None:
    store = CrowdedStore(tmp_path)
    stored = put(store, b"content")
    path = Cache(tmp_path, limit_bytes=100).fetch(store, stored.uri, stored.sha256)
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o444


FETCHING = """
import sys
from pathlib import Path
from truscore.storage import Cache, MemoryStore
folder, out = map(Path, sys.argv[1:])
store, cache = MemoryStore(), Cache(folder, limit_bytes=3000)
for turn in range(3):
    for number in range(20):
        stored = store.put(f"s3://bucket/{number}", bytes([number]) * 500)
        path = out / str(number)
        cache.fetch_to(store, stored.uri, stored.sha256, path)
        if path.read_bytes() != bytes([number]) * 500:
            sys.exit(f"file {number} is damaged")
"""


def test_processes_that_evict_from_each_other_all_get_their_files(tmp_path: Path) -> None:
    workers = []
    for number in range(3):
        (tmp_path / f"out{number}").mkdir()
        command = [sys.executable, "-c", FETCHING, str(tmp_path / "cache"), str(tmp_path / f"out{number}")]
        workers.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    for worker in workers:
        _, output = worker.communicate(timeout=60)
        assert worker.returncode == 0, output
