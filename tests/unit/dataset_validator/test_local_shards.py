"""Images that are measured in shards by processes of this machine: the verdict is that of a single process."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from truscore.datasets import Limits
from truscore.files import sha256_of
from truscore.storage import MemoryStore
from truscore.validation import CacheOptions, merge_rows, unmeasured

from services.dataset_validator.listing import list_dataset
from services.dataset_validator.sharding import (
    LocalShards,
    MeasuredShard,
    Premeasuring,
    Shard,
    ShardBounds,
    ShardImage,
    ShardsUnavailable,
)
from services.dataset_validator.sharding.bounded_measuring import measure_in_child
from tests.measuring.sharded_verdicts import RecordingRunner, made, stored, verdict
from tests.unit.validation.small_datasets import texture, write_coco, write_yolo

PREFIX = "s3://sets/one/"
HOW = {"thumbnail_px": 512, "limits": Limits()}
BROKEN = (
    "coco_wrapped_truscore",
    "empty_mask_magnetic_tile",
    "exif_orientation_mpo",
    "lfs_pointers",
    "mixed_mode_rgb_gray",
    "psa_duplicates",
    "labelme_missing_image",
)


def truncated(folder: Path, _content: dict) -> None:
    path = folder / "images/002.png"
    path.write_bytes(path.read_bytes()[:-900])
    (folder / "images/003.png").write_bytes(b"no picture at all, though it is called one")
    (folder / "images/004.png").write_bytes((folder / "images/005.png").read_bytes())


def blank(folder: Path, content: dict) -> None:
    Image.new("RGB", (96, 72), "white").save(folder / "images/001.png")
    content["annotations"][0]["bbox"] = [0, 0, 0, 0]


def local(work: Path, **bounds: float) -> LocalShards:
    work.mkdir(exist_ok=True)
    return LocalShards(processes=2, workdir=work, bounds=ShardBounds(memory_bytes=3 * 2**30, **bounds))


async def assert_same(folder: Path, work: Path, **order: Any) -> RecordingRunner:
    store, runner = MemoryStore(), RecordingRunner(runner=local(work / "shards"))
    stored(store, folder, PREFIX)
    alone = await verdict(store, PREFIX, work / "alone", **order)
    sharded = await verdict(store, PREFIX, work / "sharded", runner=runner, **order)
    assert sharded == alone  # report, page and index by their digests
    assert alone.report is not None
    return runner


@pytest.mark.parametrize("plant", [None, truncated, blank])
async def test_report_and_index_are_those_of_a_single_process(
    plant: Callable[[Path, dict], None] | None, tmp_path: Path
) -> None:
    runner = await assert_same(write_coco(tmp_path / "set", 10, plant), tmp_path)
    assert len(runner.measured) >= 2
    assert sum(len(shard.rows) for shard in runner.measured) >= 8


async def test_another_format_gives_the_same_too(tmp_path: Path) -> None:
    await assert_same(write_yolo(tmp_path / "set", 9), tmp_path)


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_real_datasets_are_judged_as_by_a_single_process(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    await assert_same(shared_data / "broken" / name, tmp_path, shard_images=40)


@pytest.mark.parametrize("name", ["truscore_card_borders_yolo", "playing_cards_voc"])
async def test_real_datasets_are_judged_as_by_a_single_process(name: str, shared_data: Path, tmp_path: Path) -> None:
    await assert_same(shared_data / name, tmp_path, shard_images=100)


def shard_of(folder: Path, *, measured_with: str = "", count: int = 4) -> dict[str, str]:
    folder.mkdir()
    for number in range(count):
        texture(number).save(folder / f"{number}.png")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def way(tmp_path: Path) -> str:
    return unmeasured(CacheOptions(file=tmp_path / "any.sqlite"), (), **HOW)[1]


async def measured(folder: Path, digests: dict[str, str], work: Path, **how: object) -> tuple[tuple[str, str], ...]:
    made(work)
    plain = {"measured_with": way(work), "bounds": ShardBounds(memory_bytes=3 * 2**30)}
    return await measure_in_child(folder, digests, thumbnail_px=512, work=work, **{**plain, **how})  # type: ignore[arg-type]


async def test_an_image_that_ends_the_process_is_left_to_whoever_judges(tmp_path: Path) -> None:
    digests = shard_of(tmp_path / "files")
    # A measurer that dies of one image, as a fault in a decoder would have it, and is the real one otherwise.
    program = (
        "import signal, sys\nfrom services.dataset_validator.sharding import child\n"
        "import truscore.validation.measured_images as way\n"
        "real = way.measure_image\n"
        "def dying(picture, *, thumbnail_px):\n"
        "    if picture.getpixel((0, 0)) == BAD: signal.raise_signal(signal.SIGSEGV)\n"
        "    return real(picture, thumbnail_px=thumbnail_px)\n"
        "way.measure_image = dying\n"
        "sys.exit(child.main(sys.argv[1:]))\n"
    ).replace("BAD", repr(texture(2).getpixel((0, 0))))
    rows = await measured(tmp_path / "files", digests, tmp_path / "work", command=(sys.executable, "-c", program))
    assert sorted(digest for digest, _ in rows) == sorted(digests[f"{number}.png"] for number in (0, 1, 3))


async def test_a_worker_of_another_release_takes_no_part(tmp_path: Path) -> None:
    digests = shard_of(tmp_path / "files")
    with pytest.raises(ShardsUnavailable, match="another release"):
        await measured(tmp_path / "files", digests, tmp_path / "work", measured_with="of another time")


async def test_measures_that_nobody_asked_for_are_refused(tmp_path: Path) -> None:
    digests = shard_of(tmp_path / "files")
    rows = await measured(tmp_path / "files", digests, tmp_path / "work")
    cache = CacheOptions(file=tmp_path / "merged.sqlite")
    with pytest.raises(ValueError, match="not asked for"):
        merge_rows(cache, rows, wanted={"other"}, **HOW)
    with pytest.raises(ValueError, match="are none"):
        merge_rows(cache, [(rows[0][0], json.dumps({"fault": None}))], wanted={rows[0][0]}, **HOW)
    assert merge_rows(cache, rows, wanted=set(digests.values()), **HOW) == 4
    assert unmeasured(cache, digests.values(), **HOW)[0] == frozenset()


async def test_measuring_ends_at_its_deadline_and_says_so(tmp_path: Path) -> None:
    digests = shard_of(tmp_path / "files")
    images = tuple(ShardImage(path=path, uri="", sha256=digest, size_bytes=1) for path, digest in digests.items())
    shard = Shard(number=0, images=images, thumbnail_px=512, measured_with=way(tmp_path))

    async def keep(_measured: MeasuredShard) -> None:
        raise AssertionError

    with pytest.raises(ShardsUnavailable, match="longer than"):
        await local(tmp_path / "work").run([shard], folder=tmp_path / "files", keep=keep, deadline_s=0.001)


async def test_what_was_measured_before_a_fault_is_not_measured_again(tmp_path: Path) -> None:
    store, folder = MemoryStore(), write_coco(tmp_path / "set", 9)
    stored(store, folder, PREFIX)
    runner = RecordingRunner(runner=local(tmp_path / "shards"))

    listing = list_dataset(store, PREFIX, most_objects=100, most_bytes=10**8)
    digests = {one.path: sha256_of(folder / one.path) for one in listing.files}
    premeasuring = Premeasuring(runner=runner, from_images=1, shard_images=3, deadline_s=120)
    done: list[tuple[int, int]] = []

    def failing(at: int, total: int) -> None:
        done.append((at, total))
        if len(done) == 3:
            raise ShardsUnavailable("the rest is gone")

    with pytest.raises(ShardsUnavailable):
        await premeasuring.measure(
            listing, digests, folder=folder, cache_file=tmp_path / "kept.sqlite", thumbnail_px=512, on_done=failing
        )
    before = sum(len(shard.rows) for shard in runner.measured)
    assert before < 9
    runner.measured.clear()
    count = await premeasuring.measure(
        listing, digests, folder=folder, cache_file=tmp_path / "kept.sqlite", thumbnail_px=512,
        on_done=lambda at, total: done.append((at, total)),
    )  # fmt: skip
    assert count == 9
    assert before + sum(len(shard.rows) for shard in runner.measured) == 9
    assert done[-1] == (9, 9)
