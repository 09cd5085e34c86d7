"""Files made to hurt: whatever lies in a dataset, reading it ends soon, within bounds, with a finding that names it."""

import asyncio
import json
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from truscore.datasets import Limits, read_dataset
from truscore.validation import BY_ID, Finding, validate_folder

from services.dataset_validator.job import ReaderResult
from services.dataset_validator.reader_process import read_in_child
from tests.unit.dataset_validator.validator_harness import a_job
from tests.unit.validation.small_datasets import coco_content, rectangle, texture, write_coco, write_images, write_yolo

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rules(folder: Path, **how: object) -> set[str]:
    verdict = validate_folder(folder, **how)  # type: ignore[arg-type]
    assert all(found.rule in BY_ID and found.message for found in verdict.findings)
    return {found.rule for found in verdict.findings}


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def bomb() -> bytes:
    """Ten kilobytes that claim to be ten thousand million pixels."""
    return png(100_000, 100_000, chunk(b"IDAT", zlib.compress(b"\0" * 10_000_000)))


def text_bomb() -> bytes:
    """A small picture whose comment unpacks to two hundred megabytes."""
    inner = zlib.compressobj(level=1)
    packed = b"".join(inner.compress(b"a" * 10_000_000) for _ in range(20)) + inner.flush()
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + b"\x40" * 64 * 3) * 64))
    return png(64, 64, chunk(b"zTXt", b"Comment\0\0" + packed), pixels)


def false_length() -> bytes:
    return png(64, 64, struct.pack(">I", 2**31 - 1) + b"IDAT" + b"x" * 100)


def polyglot() -> bytes:
    """A page with a script that calls itself an image."""
    return b"GIF89a/*<html><script>alert(1)</script>*/=1;" + b"\0" * 64


def tiff_of_a_million_directories() -> bytes:
    """Each directory names itself as the next."""
    entry = struct.pack("<HHII", 256, 3, 1, 10)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 8)


HOSTILE: dict[str, tuple[str, Callable[[], bytes], set[str]]] = {
    "a bomb of pixels": ("000.png", bomb, {"image.too_many_pixels"}),
    "a bomb of text": ("000.png", text_bomb, {"image.corrupt", "image.too_many_pixels"}),
    "a chunk longer than its file": ("000.png", false_length, {"image.corrupt", "image.truncated"}),
    "a page that calls itself an image": (
        "000.png",
        polyglot,
        {"image.corrupt", "image.truncated", "image.not_an_image"},
    ),
    "a tiff in a circle": ("000.png", tiff_of_a_million_directories, {"image.corrupt", "image.not_an_image"}),
    "an archive": ("000.png", lambda: b"PK\x03\x04" + b"\0" * 200, {"image.not_an_image"}),
    "nothing but zeros": ("000.png", lambda: bytes(4096), {"image.not_an_image"}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_made_to_hurt_is_a_finding_that_says_what_it_was(name: str, tmp_path: Path) -> None:
    file, make, expected = HOSTILE[name]
    folder = write_coco(tmp_path / "set")
    (folder / "images" / file).write_bytes(make())
    found = [one for one in validate_folder(folder).findings if one.location == f"images/{file}"]
    assert {one.rule for one in found} & expected, found


def test_a_picture_with_an_archive_behind_it_is_read_as_the_picture_it_is(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set")
    with (folder / "images/000.png").open("ab") as file:
        file.write(b"PK\x03\x04" + b"../../../etc/passwd" * 100)
    assert validate_folder(folder).accepted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_archives_in_a_dataset_are_never_opened(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set")
    (folder / "more.zip").write_bytes(b"PK\x03\x04" + b"../../evil" * 100)
    before = sorted(tmp_path.rglob("*"))
    validate_folder(folder)
    assert sorted(tmp_path.rglob("*")) == before


def damaged(content: bytes, chance: random.Random) -> bytes:
    """One of the ways files go wrong: cut, overwritten, doubled, filled with what was never there."""
    wound, place = bytearray(content), chance.randrange(len(content))
    match chance.randrange(5):
        case 0:
            del wound[place:]
        case 1:
            for _ in range(chance.randrange(1, 40)):
                wound[chance.randrange(len(wound))] = chance.randrange(256)
        case 2:
            wound[place:place] = chance.randbytes(chance.randrange(1, 2000))
        case 3:
            wound[place : place + 64] = b"\xff" * 64
        case _:
            wound += wound[place:]
    return bytes(wound)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "tif", "webp", "tga", "ppm", "jp2"])
def test_forty_damaged_files_of_each_kind_are_read_or_refused(ending: str, tmp_path: Path) -> None:
    whole = tmp_path / f"whole.{ending}"
    texture(3).save(whole)
    content, chance = whole.read_bytes(), random.Random(ending)
    folder = tmp_path / "set"
    names = write_images(folder, 4)
    for number in range(40):
        names.append(f"images/d{number:02}.{ending}")
        (folder / names[-1]).write_bytes(damaged(content, chance))
    (folder / "annotations.json").write_text(json.dumps(coco_content(names)))
    reading = read_dataset(folder)
    assert reading.index is not None
    reported = {image.path for image in reading.index.images} | {problem.location for problem in reading.problems}
    assert set(names) <= reported


@FEW
@given(content=st.binary(max_size=400))
def test_any_bytes_may_be_an_image_file(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write_coco(tmp_path_factory.mktemp("set"), 4)
    (folder / "images/000.png").write_bytes(content)
    assert rules(folder) & {code for code in BY_ID if code.startswith("image.")}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd")


@FEW
@given(
    changes=st.dictionaries(st.sampled_from(FIELDS), json_values, min_size=1, max_size=3),
    where=st.sampled_from(range(8)),
)
def test_anything_may_stand_in_a_coco_annotation(
    changes: dict, where: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def plant(_folder: Path, content: dict) -> None:
        content["annotations"][where] |= changes

    rules(write_coco(tmp_path_factory.mktemp("set"), 4, plant=plant))


@FEW
@given(text=st.text(max_size=200))
def test_anything_may_stand_in_a_yolo_label(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write_yolo(tmp_path_factory.mktemp("set"), 4)
    (folder / "labels/000.txt").write_text(text, encoding="utf-8", errors="surrogatepass")
    rules(folder)


def many_corners(content: dict, outline: list[float]) -> None:
    content["annotations"][0]["segmentation"] = [outline]


def test_a_polygon_of_a_hundred_thousand_corners_is_read_within_bounds(tmp_path: Path) -> None:
    x, y, *_ = rectangle((10.0, 8.0, 70.0, 56.0))
    chance = random.Random(1)
    outline = [value for _ in range(99_990) for value in (x + 70 * chance.random(), y + 56 * chance.random())]
    folder = write_coco(tmp_path / "set", plant=lambda _folder, content: many_corners(content, outline))
    tracemalloc.start()
    found = rules(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert any("cross" in rule for rule in found), found
    assert peak < 300 * 2**20


def test_more_corners_than_the_limit_are_a_finding(tmp_path: Path) -> None:
    outline = [float(number % 90) for number in range(2 * 100_001)]
    folder = write_coco(tmp_path / "set", plant=lambda _folder, content: many_corners(content, outline))
    assert "label.too_many" in rules(folder)


def test_coordinates_that_no_image_has_are_a_finding_and_no_overflow(tmp_path: Path) -> None:
    def plant(_folder: Path, content: dict) -> None:
        content["annotations"][0] |= {
            "bbox": [-1e300, 0, 2e300, 1e300],
            "segmentation": [[-1e300, 0, 1e300, 0, 0, 1e300]],
        }

    assert "label.not_finite" in rules(write_coco(tmp_path / "set", plant=plant))


@pytest.mark.parametrize("text", ["[" * 200_000, '{"images":' * 100_000, '{"a":[' * 40 + "1" + "]}" * 40])
def test_json_of_any_depth_is_a_finding(text: str, tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set", plant=lambda _folder, content: content.clear())
    (folder / "annotations.json").write_text(text)
    assert "format.coco.invalid_json" in rules(folder, format="coco")


def test_a_dataset_of_nothing_but_harm_never_ends_the_service(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    names = write_images(folder, 4)
    for number, (_, make, _) in enumerate(HOSTILE.values()):
        (folder / f"images/h{number}.png").write_bytes(make())
        names.append(f"images/h{number}.png")
    (folder / "annotations.json").write_text(json.dumps(coco_content(names)))

    async def read() -> ReaderResult | Finding:
        return await read_in_child(a_job(folder), tmp_path, timeout_s=90)

    outcome = asyncio.run(read())
    assert isinstance(outcome, ReaderResult)
    assert outcome.error_count >= len(HOSTILE)


def test_the_pixels_in_memory_at_once_are_bounded_however_many_work(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "white").save(tmp_path / "a.png")
    small = Limits(workers=64, pixels_at_once=1, image_pixels=5000)
    reading = read_dataset(write_coco(tmp_path / "set"), limits=Limits(workers=64, pixels_at_once=1))
    assert len(reading.index.images) == 8
    assert read_dataset(write_coco(tmp_path / "other"), limits=small).index is None
