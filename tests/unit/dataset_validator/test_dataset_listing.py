"""What lies under an address becomes safe relative paths and one digest, or a refusal."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.storage import Entry, MemoryStore

from services.dataset_validator.listing import Listing, build_listing, list_dataset

PREFIX = "s3://cards/sets/one/"


def listing(*keys: str, most_bytes: int = 10**9, etag: str = "e") -> Listing:
    entries = [Entry(uri=PREFIX + key, size_bytes=10, etag=etag) for key in keys]
    return build_listing(entries, prefix=PREFIX, most_bytes=most_bytes)


def rules(found: Listing) -> list[str]:
    return [one.rule for one in found.problems]


def test_our_own_files_are_not_part_of_the_dataset() -> None:
    found = listing("a.json", "_truscore/verdict.json", "images/_truscore/b.png")
    assert [one.path for one in found.files] == ["a.json", "images/_truscore/b.png"]


def test_the_digest_changes_with_content_and_not_with_order() -> None:
    assert listing("a", "b").digest == listing("b", "a").digest
    assert listing("a", "b").digest != listing("a", "c").digest
    assert listing("a", etag="one").digest != listing("a", etag="two").digest


def test_a_key_that_climbs_out_of_the_folder_is_refused_and_named() -> None:
    found = listing("a.json", "images/../../../etc/cron.d/x")
    assert rules(found) == ["order.unsafe_key"]
    assert "images/../../../etc/cron.d/x" in found.problems[0].message
    assert found.files == ()


def test_a_key_that_is_a_file_and_a_folder_is_refused() -> None:
    assert rules(listing("images", "images/a.png")) == ["order.unsafe_key"]


def test_more_bytes_than_accepted_are_refused_with_both_numbers() -> None:
    found = listing("a", "b", most_bytes=19)
    assert rules(found) == ["order.too_large"]
    assert "20 bytes" in found.problems[0].message
    assert "19" in found.problems[0].message


def test_a_folder_with_nothing_in_it_is_refused() -> None:
    assert rules(listing()) == ["order.nothing_there"]
    assert rules(listing("_truscore/verdict.json")) == ["order.nothing_there"]


def test_more_objects_than_accepted_are_refused() -> None:
    store = MemoryStore()
    for number in range(4):
        store.put(f"{PREFIX}{number}", b"x")
    assert rules(list_dataset(store, PREFIX, most_objects=3, most_bytes=100)) == ["order.too_large"]
    assert len(list_dataset(store, PREFIX, most_objects=4, most_bytes=100).files) == 4


def test_a_neighbour_whose_name_begins_alike_is_not_listed() -> None:
    store = MemoryStore()
    store.put("s3://cards/sets/one/a.json", b"x")
    store.put("s3://cards/sets/one-more/b.json", b"x")
    found = list_dataset(store, "s3://cards/sets/one", most_objects=10, most_bytes=100)
    assert [one.path for one in found.files] == ["a.json"]


KEYS = st.text(alphabet="ab./\\_ \n", min_size=1, max_size=12) | st.text(min_size=1, max_size=300)


@settings(max_examples=100, deadline=None)
@given(st.lists(KEYS, max_size=6, unique=True))
def test_no_accepted_key_leaves_the_folder(keys: list[str]) -> None:
    found = listing(*keys)
    home = Path("/work/room")
    for one in found.files:
        target = Path(home, one.path)
        assert ".." not in target.parts
        assert target.is_relative_to(home)
        assert target != home
    assert not (found.files and found.problems)
