"""What an order downloads: only what no earlier order left here; and nothing wrong is taken for right."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from deploy.local.objects import ObjectServer
from services.dataset_validator.listing import Listing, list_dataset
from services.dataset_validator.progress import Progress
from services.dataset_validator.reader_process import read_apart
from tests.unit.dataset_validator.pantry import CHANGED, OBJECTS, CountingMemory, CountingS3, Pantry


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.connected)])
def pantry(request: pytest.FixtureRequest, tmp_path: Path) -> Pantry:
    if request.param == "memory":
        return Pantry(store=CountingMemory(), bucket="in-memory", home=tmp_path)
    s3: ObjectServer = request.getfixturevalue("s3")
    store = CountingS3(s3.endpoint, s3.access_key, s3.secret_key)
    return Pantry(store=store, bucket=request.getfixturevalue("bucket"), home=tmp_path)


def listing_of(pantry: Pantry) -> Listing:
    return list_dataset(pantry.store, pantry.prefix, most_objects=100, most_bytes=10**8)


async def test_a_rerun_downloads_what_changed_and_nothing_else(pantry: Pantry) -> None:
    validator = pantry.validator(pantry.at_hand())
    assert await pantry.fetched(validator, "v1") == pantry.names
    pantry.change()
    assert await pantry.fetched(validator, "v2") == [CHANGED]
    assert await pantry.fetched(pantry.validator(pantry.at_hand()), "v3") == []


async def test_a_copy_under_another_name_is_downloaded_and_kept_once(pantry: Pantry) -> None:
    validator = pantry.validator(pantry.at_hand())
    await pantry.fetched(validator, "v1")
    pantry.store.put(pantry.prefix + "images/copy.png", (pantry.folder / CHANGED).read_bytes())
    (pantry.folder / "images/copy.png").write_bytes((pantry.folder / CHANGED).read_bytes())
    assert await pantry.fetched(validator, "v2") == ["images/copy.png"]
    assert len(pantry.cached()) == OBJECTS


async def test_without_a_cache_all_is_downloaded_each_time(pantry: Pantry) -> None:
    validator = pantry.validator(None)
    for version in ("v1", "v2"):
        assert await pantry.fetched(validator, version) == pantry.names
    assert sorted(path.name for path in pantry.home.iterdir()) == ["set", "work"]


async def test_an_object_replaced_while_it_is_read_is_refused_and_nothing_is_remembered(pantry: Pantry) -> None:
    def replace(uri: str) -> None:
        if uri.endswith(CHANGED):
            pantry.change(seed=7)

    at_hand, before = pantry.at_hand(), listing_of(pantry)
    pantry.store.meanwhile = replace
    judged = await pantry.judged(pantry.validator(at_hand), "v1")
    pantry.store.meanwhile = lambda _uri: None
    assert [found.rule for found in judged.findings] == ["order.changed_meanwhile"]
    assert at_hand.digests.of(before.files) == at_hand.digests.of(listing_of(pantry).files) == {}
    assert await pantry.fetched(pantry.validator(at_hand), "v1") == pantry.names


async def test_a_wrong_digest_in_memory_heals_itself(pantry: Pantry) -> None:
    at_hand, listing = pantry.at_hand(), listing_of(pantry)
    wrong = {listed.uri: hashlib.sha256(listed.uri.encode()).hexdigest() for listed in listing.files}
    # A file of that name and of the object's size, which is neither what its name says nor the object.
    for listed in listing.files[:4]:
        place = pantry.home / "cache" / wrong[listed.uri][:2] / wrong[listed.uri]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(bytes(listed.size_bytes))
    at_hand.digests.note(listing.files, wrong)
    assert set(await pantry.fetched(pantry.validator(at_hand), "v1")) == set(pantry.names)
    assert await pantry.fetched(pantry.validator(at_hand), "v2") == []


async def test_a_digest_of_a_file_of_another_size_is_not_believed(pantry: Pantry) -> None:
    at_hand, listing = pantry.at_hand(), listing_of(pantry)
    await pantry.fetched(pantry.validator(at_hand), "v1")
    one, other = (listed for listed in listing.files if listed.path in {"annotations.json", CHANGED})
    assert one.size_bytes != other.size_bytes
    at_hand.digests.note([one], {one.uri: at_hand.digests.of([other])[other.uri]})
    assert await pantry.fetched(pantry.validator(at_hand), "v2") == [one.path]


async def test_a_damaged_file_of_the_cache_is_downloaded_again(pantry: Pantry) -> None:
    validator = pantry.validator(pantry.at_hand())
    await pantry.fetched(validator, "v1")
    damaged = next(path for path in pantry.cached() if path.read_bytes() == (pantry.folder / CHANGED).read_bytes())
    damaged.chmod(0o644)
    damaged.write_bytes(b"bit rot")
    assert await pantry.fetched(validator, "v2") == [CHANGED]


async def test_the_cache_stays_within_its_bound_and_the_order_is_read_all_the_same(pantry: Pantry) -> None:
    sizes = [(pantry.folder / name).stat().st_size for name in pantry.names]
    limit_bytes = sum(sizes) // 2
    validator = pantry.validator(pantry.at_hand(limit_bytes=limit_bytes))
    assert await pantry.fetched(validator, "v1") == pantry.names
    assert 0 < sum(path.stat().st_size for path in pantry.cached()) <= limit_bytes
    held = {path.read_bytes() for path in pantry.cached()}
    others = [name for name in pantry.names if (pantry.folder / name).read_bytes() not in held]
    assert await pantry.fetched(validator, "v2") == others


async def test_objects_without_an_etag_are_downloaded_each_time(pantry: Pantry) -> None:
    pantry.store.etags = False
    validator = pantry.validator(pantry.at_hand())
    for version in ("v1", "v2"):
        assert await pantry.fetched(validator, version) == pantry.names


async def test_verdict_and_report_are_the_same_with_and_without_a_cache(pantry: Pantry) -> None:
    kept = []
    for at_hand in (None, pantry.at_hand(), pantry.at_hand()):
        judged = await pantry.judged(pantry.validator(at_hand, read=read_apart), "v1")
        assert judged.report is not None
        kept.append(
            (dataclasses.replace(judged, duration_s=0.0), pantry.store.get(judged.report.uri, limit_bytes=10**7))
        )
        pantry.store.delete(f"s3://{pantry.bucket}/datasets/one/v1/_truscore/verdict.json")
    assert kept[0] == kept[1] == kept[2]
    assert kept[0][0].accepted


async def test_progress_counts_every_file_whether_it_was_at_hand_or_not(pantry: Pantry) -> None:
    validator = pantry.validator(pantry.at_hand())
    await pantry.judged(validator, "v1")
    pantry.change()
    heard: list[Progress] = []
    await pantry.judged(validator, "v2", tell=heard.append)
    counted = [(told.done, told.total) for told in heard if told.stage == "fetching"]
    assert counted == [(done, OBJECTS) for done in range(1, OBJECTS + 1)]
