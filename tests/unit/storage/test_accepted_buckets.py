"""Addresses that somebody put into an event are followed in the buckets of the installation alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from truscore.storage import InvalidUri, S3Store

from services.dataset_validator.listing import list_dataset

# Nobody listens there: whatever were asked of a server would be StoreUnavailable.
NOWHERE = "http://127.0.0.1:9"
ACTS: dict[str, Callable[[S3Store, str, Path], object]] = {
    "put": lambda store, uri, _: store.put(uri, b""),
    "put_if": lambda store, uri, _: store.put_if(uri, b"", etag=""),
    "put_file": lambda store, uri, path: store.put_file(uri, path),
    "put_file_if": lambda store, uri, path: store.put_file_if(uri, path, etag=""),
    "get": lambda store, uri, _: store.get(uri, limit_bytes=1),
    "get_file": lambda store, uri, path: store.get_file(uri, path.with_name("fetched")),
    "stat": lambda store, uri, _: store.stat(uri),
    "list": lambda store, uri, _: list(store.list(uri)),
    "delete": lambda store, uri, _: store.delete(uri),
}


@pytest.fixture
def confined() -> S3Store:
    return S3Store(NOWHERE, "key", "secret", timeout_s=0.1, buckets=("ours", "datasets"))


@pytest.mark.parametrize("act", ACTS)
def test_another_bucket_is_refused_before_the_server_is_asked(confined: S3Store, act: str, tmp_path: Path) -> None:
    (path := tmp_path / "file").write_bytes(b"bytes")
    with pytest.raises(InvalidUri, match="bucket 'theirs' is none of this installation: accepted datasets, ours"):
        ACTS[act](confined, "s3://theirs/secrets/key", path)
    assert not (tmp_path / "fetched").exists()


def test_every_act_of_a_store_is_held_to_it() -> None:
    acts = {name for name, each in vars(S3Store).items() if not name.startswith("_") and callable(each)}
    assert acts - {"ready"} == set(ACTS)


def test_a_dataset_in_another_bucket_is_rejected_by_name(confined: S3Store) -> None:
    listing = list_dataset(confined, "s3://theirs/cards/", most_objects=10, most_bytes=10)
    assert [problem.rule for problem in listing.problems] == ["order.uri"]
