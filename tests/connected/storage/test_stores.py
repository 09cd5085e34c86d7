"""What every store promises, held against the one in memory and the one on a server."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from truscore.storage import (
    Cache,
    DigestMismatch,
    InvalidUri,
    MemoryStore,
    ObjectMissing,
    Store,
    TooLarge,
    fetch_many,
)

SEVERAL_PARTS = 40 * 1024 * 1024  # three parts of 16 MiB


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    store: Store
    bucket: str

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.connected)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        return Place(store=MemoryStore(buckets=["in-memory"]), bucket="in-memory")
    return Place(store=request.getfixturevalue("store"), bucket=request.getfixturevalue("bucket"))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class TestEveryStore:
    def test_what_is_put_is_what_is_got(self, place: Place) -> None:
        stored = place.store.put(place.uri("a/b.bin"), b"content")
        assert (stored.sha256, stored.size_bytes) == (digest(b"content"), 7)
        assert place.store.get(place.uri("a/b.bin"), limit_bytes=7, sha256=stored.sha256) == b"content"

    def test_an_empty_object_is_an_object(self, place: Place) -> None:
        place.store.put(place.uri("empty"), b"")
        assert place.store.get(place.uri("empty"), limit_bytes=0) == b""

    def test_the_last_write_wins(self, place: Place) -> None:
        place.store.put(place.uri("x"), b"first")
        place.store.put(place.uri("x"), b"second")
        assert place.store.get(place.uri("x"), limit_bytes=100) == b"second"

    @pytest.mark.parametrize("key", ["with space.bin", "Ümläut/卡片.jpg", "plus+and&?#=%41.bin", "a:b@c,d;e.bin"])
    def test_keys_are_taken_literally(self, place: Place, key: str) -> None:
        place.store.put(place.uri(key), key.encode())
        assert place.store.get(place.uri(key), limit_bytes=100) == key.encode()
        assert [entry.uri for entry in place.store.list(place.uri(""))] == [place.uri(key)]

    def test_an_object_that_is_not_there_is_named(self, place: Place) -> None:
        with pytest.raises(ObjectMissing, match=r"nowhere\.bin"):
            place.store.get(place.uri("nowhere.bin"), limit_bytes=1)

    def test_a_bucket_that_is_not_there_is_missing(self, place: Place) -> None:
        with pytest.raises(ObjectMissing):
            place.store.get("s3://no-such-bucket-here/x", limit_bytes=1)
        with pytest.raises(ObjectMissing):
            list(place.store.list("s3://no-such-bucket-here/x/"))

    def test_more_bytes_than_accepted_are_refused(self, place: Place, tmp_path: Path) -> None:
        place.store.put(place.uri("big"), b"12345")
        with pytest.raises(TooLarge, match="5 bytes, at most 4"):
            place.store.get(place.uri("big"), limit_bytes=4)
        with pytest.raises(TooLarge):
            place.store.get_file(place.uri("big"), tmp_path / "big", limit_bytes=4)
        assert list(tmp_path.iterdir()) == []

    def test_other_bytes_than_promised_are_refused_and_leave_no_file(self, place: Place, tmp_path: Path) -> None:
        place.store.put(place.uri("x"), b"these")
        with pytest.raises(DigestMismatch, match=digest(b"those")):
            place.store.get(place.uri("x"), limit_bytes=100, sha256=digest(b"those"))
        with pytest.raises(DigestMismatch):
            place.store.get_file(place.uri("x"), tmp_path / "x", sha256=digest(b"those"))
        assert list(tmp_path.iterdir()) == []

    def test_a_failed_fetch_leaves_the_older_file_as_it_was(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"older")
        with pytest.raises(ObjectMissing):
            place.store.get_file(place.uri("x"), tmp_path / "x")
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"older")]

    def test_a_large_file_goes_up_in_parts_and_comes_back_whole(self, place: Place, tmp_path: Path) -> None:
        content = os.urandom(1024 * 1024) * 40
        (tmp_path / "up.bin").write_bytes(content)
        up: list[tuple[int, int]] = []
        down: list[tuple[int, int]] = []
        stored = place.store.put_file(place.uri("l"), tmp_path / "up.bin", progress=lambda *seen: up.append(seen))
        target = tmp_path / "new" / "down.bin"
        fetched = place.store.get_file(
            place.uri("l"), target, sha256=digest(content), progress=lambda *seen: down.append(seen)
        )
        assert stored.sha256 == fetched.sha256 == digest(content)
        assert target.read_bytes() == content
        for seen in (up, down):
            assert seen[-1] == (SEVERAL_PARTS, SEVERAL_PARTS)
            assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    def test_stat_knows_size_and_digest_and_changes_its_etag(self, place: Place) -> None:
        assert place.store.stat(place.uri("x")) is None
        place.store.put(place.uri("x"), b"one")
        first = place.store.stat(place.uri("x"))
        place.store.put(place.uri("x"), b"other")
        second = place.store.stat(place.uri("x"))
        assert first is not None
        assert second is not None
        assert (first.size_bytes, first.sha256) == (3, digest(b"one"))
        assert first.etag != second.etag

    def test_a_listing_holds_what_the_prefix_covers_in_order_of_keys(self, place: Place) -> None:
        for key in ("p/b", "p/a/deep", "p/c", "q/a", "pq"):
            place.store.put(place.uri(key), b"12")
        assert [entry.uri for entry in place.store.list(place.uri("p/"))] == [
            place.uri("p/a/deep"),
            place.uri("p/b"),
            place.uri("p/c"),
        ]
        assert {entry.size_bytes for entry in place.store.list(place.uri("p/"))} == {2}
        assert list(place.store.list(place.uri("nothing/"))) == []

    def test_a_listing_longer_than_the_limit_is_refused_not_cut(self, place: Place) -> None:
        for number in range(3):
            place.store.put(place.uri(f"n/{number}"), b"")
        assert len(list(place.store.list(place.uri("n/"), limit=3))) == 3
        with pytest.raises(TooLarge, match="more than 2 objects"):
            list(place.store.list(place.uri("n/"), limit=2))

    def test_what_is_deleted_is_gone_and_deleting_again_is_harmless(self, place: Place) -> None:
        place.store.put(place.uri("x"), b"1")
        place.store.delete(place.uri("x"))
        place.store.delete(place.uri("x"))
        assert place.store.stat(place.uri("x")) is None

    @pytest.mark.parametrize("key", ["", "folder/", "../up", "a//b", "a/./b", "tab\there"])
    def test_an_address_that_is_no_object_is_refused_before_any_request(self, place: Place, key: str) -> None:
        with pytest.raises(InvalidUri):
            place.store.put(place.uri(key), b"")

    def test_many_objects_are_fetched_at_once_and_counted(self, place: Place, tmp_path: Path) -> None:
        wanted = []
        for number in range(30):
            stored = place.store.put(place.uri(f"many/{number}"), b"%d" % number)
            wanted.append((stored.uri, stored.sha256, tmp_path / "out" / str(number)))
        counted: list[tuple[int, int]] = []
        fetch_many(place.store, wanted, workers=8, progress=lambda *seen: counted.append(seen))
        assert [(tmp_path / "out" / str(number)).read_bytes() for number in range(30)] == [b"%d" % n for n in range(30)]
        assert counted == [(done, 30) for done in range(1, 31)]

    def test_one_missing_object_among_many_is_the_error(self, place: Place, tmp_path: Path) -> None:
        place.store.put(place.uri("there"), b"1")
        wanted = [(place.uri("there"), None, tmp_path / "a"), (place.uri("not-there"), None, tmp_path / "b")]
        with pytest.raises(ObjectMissing, match="not-there"):
            fetch_many(place.store, wanted)

    def test_a_cached_object_is_served_after_it_left_the_store(self, place: Place, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache", limit_bytes=1000)
        stored = place.store.put(place.uri("x"), b"kept")
        cache.fetch(place.store, stored.uri, stored.sha256)
        place.store.delete(stored.uri)
        fetch_many(place.store, [(stored.uri, stored.sha256, tmp_path / "out")], cache=cache)
        assert (tmp_path / "out").read_bytes() == b"kept"

    def test_a_ready_store_says_so(self, place: Place) -> None:
        place.store.ready()
        place.store.put(place.uri("at-once"), b"taken")
        assert place.store.get(place.uri("at-once"), limit_bytes=10) == b"taken"
