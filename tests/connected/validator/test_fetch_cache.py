"""What an order downloads: only what no earlier order left here; and nothing wrong is taken for right."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from deploy.local.servers.objects import ObjectServer
from services.dataset_validator.listing import Listing, list_dataset
from services.dataset_validator.progress import Progress
from services.dataset_validator.reader_process import read_in_child
from tests.unit.dataset_validator.validator_harness import (
    CHANGED,
    OBJECTS,
    CountingMemory,
    CountingS3,
    ValidatorHarness,
)


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.connected)])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> ValidatorHarness:
    if request.param == "memory":
        return ValidatorHarness(store=CountingMemory(), bucket="in-memory", home=tmp_path)
    s3: ObjectServer = request.getfixturevalue("s3")
    store = CountingS3(s3.endpoint, s3.access_key, s3.secret_key)
    return ValidatorHarness(store=store, bucket=request.getfixturevalue("bucket"), home=tmp_path)


def listing_of(harness: ValidatorHarness) -> Listing:
    return list_dataset(harness.store, harness.prefix, most_objects=100, most_bytes=10**8)


async def test_a_rerun_downloads_what_changed_and_nothing_else(harness: ValidatorHarness) -> None:
    validator = harness.validator(harness.fetch_cache())
    assert await harness.fetched(validator, "v1") == harness.names
    harness.change()
    assert await harness.fetched(validator, "v2") == [CHANGED]
    assert await harness.fetched(harness.validator(harness.fetch_cache()), "v3") == []


async def test_a_copy_under_another_name_is_downloaded_and_kept_once(harness: ValidatorHarness) -> None:
    validator = harness.validator(harness.fetch_cache())
    await harness.fetched(validator, "v1")
    harness.store.put(harness.prefix + "images/copy.png", (harness.folder / CHANGED).read_bytes())
    (harness.folder / "images/copy.png").write_bytes((harness.folder / CHANGED).read_bytes())
    assert await harness.fetched(validator, "v2") == ["images/copy.png"]
    assert len(harness.cached()) == OBJECTS


async def test_without_a_cache_all_is_downloaded_each_time(harness: ValidatorHarness) -> None:
    validator = harness.validator(None)
    for version in ("v1", "v2"):
        assert await harness.fetched(validator, version) == harness.names
    assert sorted(path.name for path in harness.home.iterdir()) == ["set", "work"]


async def test_an_object_replaced_while_it_is_read_is_refused_and_nothing_is_remembered(
    harness: ValidatorHarness,
) -> None:
    def replace(uri: str) -> None:
        if uri.endswith(CHANGED):
            harness.change(seed=7)

    fetch_cache, before = harness.fetch_cache(), listing_of(harness)
    harness.store.meanwhile = replace
    validated = await harness.validated(harness.validator(fetch_cache), "v1")
    harness.store.meanwhile = lambda _uri: None
    assert [found.rule for found in validated.findings] == ["order.changed_meanwhile"]
    assert fetch_cache.digests.get(before.files) == fetch_cache.digests.get(listing_of(harness).files) == {}
    assert await harness.fetched(harness.validator(fetch_cache), "v1") == harness.names


async def test_a_wrong_digest_in_memory_heals_itself(harness: ValidatorHarness) -> None:
    fetch_cache, listing = harness.fetch_cache(), listing_of(harness)
    wrong = {listed.uri: hashlib.sha256(listed.uri.encode()).hexdigest() for listed in listing.files}
    # A file of that name and of the object's size, which is neither what its name says nor the object.
    for listed in listing.files[:4]:
        place = harness.home / "cache" / wrong[listed.uri][:2] / wrong[listed.uri]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(bytes(listed.size_bytes))
    fetch_cache.digests.put(listing.files, wrong)
    assert set(await harness.fetched(harness.validator(fetch_cache), "v1")) == set(harness.names)
    assert await harness.fetched(harness.validator(fetch_cache), "v2") == []


async def test_a_digest_of_a_file_of_another_size_is_not_believed(harness: ValidatorHarness) -> None:
    fetch_cache, listing = harness.fetch_cache(), listing_of(harness)
    await harness.fetched(harness.validator(fetch_cache), "v1")
    one, other = (listed for listed in listing.files if listed.path in {"annotations.json", CHANGED})
    assert one.size_bytes != other.size_bytes
    fetch_cache.digests.put([one], {one.uri: fetch_cache.digests.get([other])[other.uri]})
    assert await harness.fetched(harness.validator(fetch_cache), "v2") == [one.path]


async def test_a_damaged_file_of_the_cache_is_downloaded_again(harness: ValidatorHarness) -> None:
    validator = harness.validator(harness.fetch_cache())
    await harness.fetched(validator, "v1")
    damaged = next(path for path in harness.cached() if path.read_bytes() == (harness.folder / CHANGED).read_bytes())
    damaged.chmod(0o644)
    damaged.write_bytes(b"bit rot")
    assert await harness.fetched(validator, "v2") == [CHANGED]


async def test_the_cache_stays_within_its_bound_and_the_order_is_read_all_the_same(harness: ValidatorHarness) -> None:
    sizes = [(harness.folder / name).stat().st_size for name in harness.names]
    limit_bytes = sum(sizes) // 2
    validator = harness.validator(harness.fetch_cache(limit_bytes=limit_bytes))
    assert await harness.fetched(validator, "v1") == harness.names
    assert 0 < sum(path.stat().st_size for path in harness.cached()) <= limit_bytes
    held = {path.read_bytes() for path in harness.cached()}
    others = [name for name in harness.names if (harness.folder / name).read_bytes() not in held]
    assert await harness.fetched(validator, "v2") == others


async def test_objects_without_an_etag_are_downloaded_each_time(harness: ValidatorHarness) -> None:
    harness.store.etags = False
    validator = harness.validator(harness.fetch_cache())
    for version in ("v1", "v2"):
        assert await harness.fetched(validator, version) == harness.names


async def test_verdict_and_report_are_the_same_with_and_without_a_cache(harness: ValidatorHarness) -> None:
    kept = []
    for fetch_cache in (None, harness.fetch_cache(), harness.fetch_cache()):
        validated = await harness.validated(harness.validator(fetch_cache, read=read_in_child), "v1")
        assert validated.report is not None
        kept.append(
            (dataclasses.replace(validated, duration_s=0.0), harness.store.get(validated.report.uri, limit_bytes=10**7))
        )
        harness.store.delete(f"s3://{harness.bucket}/datasets/one/v1/_truscore/verdict.json")
    assert kept[0] == kept[1] == kept[2]
    assert kept[0][0].accepted


async def test_progress_counts_every_file_whether_it_was_at_hand_or_not(harness: ValidatorHarness) -> None:
    validator = harness.validator(harness.fetch_cache())
    await harness.validated(validator, "v1")
    harness.change()
    events: list[Progress] = []
    await harness.validated(validator, "v2", on_progress=events.append)
    counted = [(event.done, event.total) for event in events if event.stage == "fetching"]
    assert counted == [(done, OBJECTS) for done in range(1, OBJECTS + 1)]
