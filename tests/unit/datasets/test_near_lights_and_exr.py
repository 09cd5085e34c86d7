"""Near lamps of LUCES, many objects of DiLiGenT10², and normals in files of OpenEXR."""

import struct
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from disk_datasets import codes, only, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from truscore.datasets import Limits, UnreadableImage, read_dataset
from truscore.datasets.formats.multi_light.exr_file import exr_normals

from tests.planted_faults import lit

HEAD = "N_img nrows ncols f x0 y0 mean_distance sfull:[Lpos Ldir Phi mu 0]"
NONE, RLE, ZIPS, ZIP, PIZ = range(5)


def exr(normals_HWXYZ: np.ndarray, packing: int = ZIP, names: str = "BGR", *, flags: int = 0) -> bytes:
    """A file as the format's layout has it, written row by row; channels are in the order of their names."""
    height, width, _ = normals_HWXYZ.shape
    kind = 1 if normals_HWXYZ.dtype == np.float16 else 2
    channels = b"".join(name.encode() + b"\0" + struct.pack("<iIii", kind, 0, 1, 1) for name in names) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = {
        "channels": ("chlist", channels),
        "compression": ("compression", bytes([packing])),
        "dataWindow": ("box2i", window),
    }
    head = struct.pack("<II", 20000630, 2 | flags)
    for name, (type_name, value) in attributes.items():
        head += name.encode() + b"\0" + type_name.encode() + b"\0" + struct.pack("<I", len(value)) + value
    head += b"\0"
    places = {"B": 2, "G": 1, "R": 0, "X": 0, "Y": 1, "Z": 2, "A": 2}
    count = 16 if packing == ZIP else 1
    blocks = []
    for top in range(0, height, count):
        rows = normals_HWXYZ[top : top + count]
        data = b"".join(row[:, places[name]].tobytes() for row in rows for name in names)
        packed = data if packing in {NONE, PIZ} else zlib.compress(differences(data))
        packed = run_lengths(differences(data)) if packing == RLE else packed
        blocks.append(struct.pack("<iI", top, min(len(packed), len(data))) + min(packed, data, key=len))
    at = len(head) + 8 * len(blocks)
    offsets = [at + sum(map(len, blocks[:number])) for number in range(len(blocks))]
    return head + struct.pack(f"<{len(blocks)}Q", *offsets) + b"".join(blocks)


def differences(data: bytes) -> bytes:
    halves = data[0::2] + data[1::2]
    return halves[:1] + bytes((one - before + 128) % 256 for before, one in pairwise(halves))


def run_lengths(data: bytes) -> bytes:
    return b"".join(struct.pack("bB", 0, value) for value in data)


def directions(height: int, width: int, kind: type = np.float32) -> np.ndarray:
    vectors_HWXYZ = np.random.default_rng(0).normal(size=(height, width, 3))
    vectors_HWXYZ[:, : width // 2] = (0, 0, 1)
    return (vectors_HWXYZ / np.linalg.norm(vectors_HWXYZ, axis=2, keepdims=True)).astype(kind)


@pytest.mark.parametrize("packing", [NONE, RLE, ZIPS, ZIP])
@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("names", ["BGR", "ABGR", "XYZ"])
def test_the_normals_of_a_file_of_openexr_are_read(packing: int, kind: type, names: str) -> None:
    normals_HWXYZ = directions(35, 12, kind)
    assert (exr_normals(exr(normals_HWXYZ, packing, names), Limits()) == normals_HWXYZ).all()


def test_other_files_of_openexr_are_refused_by_name() -> None:
    up_HWXYZ = directions(4, 4)
    for content, named in (
        (exr(up_HWXYZ, PIZ), "compression PIZ; accepted are none, RLE, ZIPS and ZIP"),
        (exr(up_HWXYZ, names="BG"), "channels B, G; accepted is one X, Y, Z or R, G, B of floats"),
        (exr(up_HWXYZ, flags=0x200), "tiles"),
        (exr(up_HWXYZ)[:-5], "a block at"),
        (b"\x89PNG" + bytes(60), "no OpenEXR of version 2"),
    ):
        with pytest.raises(UnreadableImage, match=named):
            exr_normals(content, Limits())
    with pytest.raises(UnreadableImage, match="at most 15 pixels"):
        exr_normals(exr(up_HWXYZ), Limits(image_pixels=15))


@settings(max_examples=80, deadline=None)
@given(at=st.integers(0, 500), instead=st.binary(min_size=1, max_size=8), packing=st.sampled_from([NONE, RLE, ZIP]))
def test_a_damaged_file_of_openexr_is_read_or_refused(at: int, instead: bytes, packing: int) -> None:
    content = exr(directions(5, 4), packing)
    damaged = content[:at] + instead + content[at + len(instead) :]
    try:
        assert exr_normals(damaged, Limits()).shape[2] == 3
    except UnreadableImage as refusal:
        assert refusal.reason  # noqa: PT017


def test_the_normals_of_an_object_may_be_a_file_of_openexr(tmp_path: Path) -> None:
    lit.diligent(tmp_path, np.random.default_rng(1), inner="card")
    normals_HWXYZ = np.load(tmp_path / "card/normals.npy")
    (tmp_path / "card/normals.npy").unlink()
    (tmp_path / "card/Normal_gt.exr").write_bytes(exr(normals_HWXYZ))
    index = read_dataset(tmp_path).index
    assert index is not None
    (thing,) = index.objects
    assert thing.normals is not None
    assert (thing.normals.path, thing.normals.unit_px) == ("card/Normal_gt.exr", thing.normals.expected_px)


def luces(folder: Path, *rows: str, images: int = 3) -> None:
    for number in range(1, images + 1):
        picture(folder / f"Ball/{number:02d}.png", seed=number)
    Image.new("L", (40, 30), 255).save(folder / "Ball/mask.png")
    lines = [HEAD, f"{len(rows)} 30 40 2000.0 20.0 15.0 100.0", *rows]
    (folder / "Ball/led_params.txt").write_text("\n".join(lines) + "\n")


def test_near_lamps_are_read_as_directions_from_the_middle_of_the_object(tmp_path: Path) -> None:
    luces(tmp_path, "100 0 0 0 0 1 2.0 1.5 1.0 0.8 0", "0 -100 0 0 0 1 1.0 1.0 1.0 0.8 0", "0 0 0 0 0 1 3.0 0.8 ")
    reading = read_dataset(tmp_path)
    assert "lamps 100 mm from the object" in only(reading, "format.annotations.left_out")
    assert reading.index is not None
    found = [image.light for image in reading.index.images if image.light is not None]
    half = np.sqrt(0.5)
    # Up is where y is below 0 in the file, whose axes are the camera's.
    expected = [(half, 0, half), (0, half, half), (0, 0, 1)]
    assert [light.direction for light in found] == [pytest.approx(vector) for vector in expected]
    assert [light.intensity_rgb for light in found] == [(2.0, 1.5, 1.0), (1.0, 1.0, 1.0), (3.0, 3.0, 3.0)]
    assert reading.index.objects[0].mask is not None


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (("100 0 0 0 0 1 2.0 0.8", "left 0 0 0 0 1 1.0 0.8", "0 0 0 0 0 1 3.0 0.8"), "format.multi_light.value"),
        (("100 0 0 0 0 1 2.0 0.8", "0 0 0 0 0 1 3.0 0.8"), "format.multi_light.count"),
    ],
    ids=["a word among numbers", "a lamp too few"],
)
def test_lists_of_near_lamps_that_say_nothing_usable_are_named(
    tmp_path: Path, rows: tuple[str, ...], code: str
) -> None:
    luces(tmp_path, *rows)
    reading = read_dataset(tmp_path)
    assert code in codes(reading)
    assert reading.index is not None
    directions = [image.light.direction for image in reading.index.images if image.light]
    assert None in directions


def test_many_objects_of_several_materials_are_an_object_each(tmp_path: Path) -> None:
    names = [f"{shape}_{material}" for shape in ("BALL", "GOLF") for material in ("POM", "CU")]
    for seed, name in enumerate(names):
        lit.diligent(tmp_path, np.random.default_rng(seed), inner=f"pmsData/{name}")
    index = read_dataset(tmp_path).index
    assert index is not None
    assert [one.name for one in index.objects] == sorted(f"pmsData/{name}" for name in names)
    assert len({image.group for image in index.images}) == len(names)
    assert all(image.light and image.light.intensity_rgb for image in index.images)
