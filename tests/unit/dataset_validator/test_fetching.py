"""Files at hand are linked, read-only and left alone; a full disk and a cache that fails cost nothing but downloads."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr
from truscore.storage import NoSpace

from services.dataset_validator.app import create_validator
from services.dataset_validator.job import Job
from services.dataset_validator.settings import Settings
from tests.unit.dataset_validator.validator_harness import (
    CHANGED,
    IMAGES,
    CountingMemory,
    ValidatorHarness,
    read_nothing,
)


@pytest.fixture
def harness(tmp_path: Path) -> ValidatorHarness:
    return ValidatorHarness(store=CountingMemory(), bucket="in-memory", home=tmp_path)


def size_bytes(harness: ValidatorHarness, *names: str) -> int:
    return sum((harness.folder / name).stat().st_size for name in names or harness.names)


async def test_the_reader_gets_read_only_links_and_what_they_point_to_stays_when_they_go(
    harness: ValidatorHarness,
) -> None:
    linked: list[tuple[int, int]] = []

    def look(folder: Path) -> None:
        found = [path.stat() for path in folder.rglob("*") if path.is_file()]
        linked.extend((state.st_nlink, state.st_mode & 0o777) for state in found)

    async def looking(job: Job, folder: Path, **how: Any) -> Any:
        look(Path(job.folder))
        return await read_nothing(job, folder, **how)

    for version in ("v1", "v2"):
        await harness.validated(harness.validator(harness.fetch_cache(), read=looking), version)
        assert list(harness.work.iterdir()) == []
    assert linked == [(2, 0o444)] * 2 * (IMAGES + 1)
    assert {path.stat().st_nlink for path in harness.cached()} == {1}
    assert sorted(path.read_bytes() for path in harness.cached()) == sorted(
        (harness.folder / name).read_bytes() for name in harness.names
    )


def is_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("in the way")


@pytest.mark.parametrize("spoil", [shutil.rmtree, is_a_file])
async def test_a_cache_that_cannot_be_used_costs_downloads_and_no_order(
    spoil: Callable[[Path], None], harness: ValidatorHarness
) -> None:
    validator = harness.validator(harness.fetch_cache())
    await harness.fetched(validator, "v1")
    spoil(harness.home / "cache")
    assert set(await harness.fetched(validator, "v2")) == set(harness.names)


async def test_files_of_a_cache_that_belong_to_somebody_else_cost_downloads_and_no_order(
    harness: ValidatorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    validator = harness.validator(harness.fetch_cache())
    await harness.fetched(validator, "v1")
    monkeypatch.setattr(os, "utime", refuse)
    assert set(await harness.fetched(validator, "v2")) == set(harness.names)


async def test_a_damaged_memory_costs_downloads_and_no_order(harness: ValidatorHarness) -> None:
    validator = harness.validator(harness.fetch_cache())
    await harness.fetched(validator, "v1")
    for path in harness.home.glob("digests.sqlite*"):
        path.write_bytes(b"no database any more" * 1000)
    assert await harness.fetched(validator, "v2") == harness.names
    assert await harness.fetched(validator, "v3") == []


@pytest.fixture
def disk(harness: ValidatorHarness, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk of `size_bytes`, of which our files take what they take, each once however often it is linked."""
    given = SimpleNamespace(size_bytes=0)

    def usage(_folder: Path) -> SimpleNamespace:
        places = (path for name in ("cache", "work") for path in (harness.home / name).rglob("*"))
        states = {state.st_ino: state for state in (path.stat() for path in places if path.is_file())}
        return SimpleNamespace(free=given.size_bytes - sum(state.st_size for state in states.values()))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return given


async def test_only_what_has_to_be_downloaded_must_find_room(harness: ValidatorHarness, disk: SimpleNamespace) -> None:
    validator = harness.validator(harness.fetch_cache())
    disk.size_bytes = size_bytes(harness)
    assert await harness.fetched(validator, "v1") == harness.names
    harness.change()
    disk.size_bytes += size_bytes(harness, CHANGED)
    assert await harness.fetched(validator, "v2") == [CHANGED]


async def test_the_cache_gives_way_to_a_dataset_that_needs_the_room(
    harness: ValidatorHarness, disk: SimpleNamespace
) -> None:
    validator = harness.validator(harness.fetch_cache())
    disk.size_bytes = size_bytes(harness)
    await harness.fetched(validator, "v1")
    images = [name for name in harness.names if name.startswith("images/")]
    for seed, name in enumerate(images, start=100):
        harness.change(name, seed)
    disk.size_bytes = max(disk.size_bytes, size_bytes(harness))
    assert set(await harness.fetched(validator, "v2")) >= set(images)


async def test_a_dataset_that_can_never_fit_is_a_fault_before_the_first_byte_and_empties_no_cache(
    harness: ValidatorHarness, disk: SimpleNamespace
) -> None:
    validator = harness.validator(harness.fetch_cache())
    disk.size_bytes = size_bytes(harness)
    await harness.fetched(validator, "v1")
    (harness.folder / "large.bin").write_bytes(bytes(10**6))
    harness.upload("large.bin")
    harness.store.fetched.clear()
    with pytest.raises(NoSpace, match=f"the dataset has {size_bytes(harness)}"):
        await harness.validated(validator, "v2")
    assert harness.store.fetched == []
    assert len(harness.cached()) == IMAGES + 1


def settings(workdir: Path, **given: Any) -> Settings:
    return Settings(
        amqp_url=SecretStr("amqp://nowhere"),
        s3_endpoint="http://127.0.0.1:1",
        s3_access_key=SecretStr("a"),
        s3_secret_key=SecretStr("b"),
        validator_workdir=workdir,
        **given,
    )


def test_the_service_keeps_files_in_its_work_folder_unless_it_is_set_to_keep_none(tmp_path: Path) -> None:
    keeping = create_validator(settings(tmp_path / "keeping")).fetch_cache
    assert keeping is not None
    assert keeping.cache.folder == tmp_path / "keeping" / "cache"
    assert create_validator(settings(tmp_path / "plain", validator_cache_bytes=0)).fetch_cache is None
    assert not (tmp_path / "plain" / "cache").exists()
