"""Images from strangers: what is found out about each, and what each kind of damage is called."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from disk_datasets import codes, picture, write_label
from PIL import Image, ImageOps
from truscore.datasets import CODES, Limits, ScanOptions, UnreadableImage, load_image, read_dataset
from truscore.datasets.images.scan import scan_image
from truscore.datasets.splitting.name_groups import source_of


def scanned(path: Path, **limits: int) -> str:
    """The code of the fault, or "" where there is none."""
    fault = scan_image(path.parent, path.name, limits=Limits(**limits)).fault
    return fault.code if fault else ""


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_file_that_ends_early_is_truncated(tmp_path: Path, suffix: str) -> None:
    whole = picture(tmp_path / f"a.{suffix}", 400, 300).read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole[: len(whole) // 2])
    assert scanned(cut) == "image.truncated"
    with pytest.raises(UnreadableImage, match=f"cut.{suffix}"):
        load_image(cut)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "image.empty_file"),
        (b"x", "image.not_an_image"),
        (b"<html>not found</html>", "image.not_an_image"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "image.lfs_pointer"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "image.unsupported"),
        (png_claiming(200_000, 200_000), "image.too_many_pixels"),
        (png_claiming(12_000, 12_000), "image.too_many_pixels"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 200, "image.not_an_image"),
    ],
    ids=["empty", "one_byte", "web_page", "lfs_pointer", "heic", "huge_bomb", "bomb", "torn_header"],
)
def test_damage_has_a_name(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert scanned(tmp_path / "a.png") == code
    assert code in CODES


def test_limits_on_pixels_and_bytes_are_the_callers(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 40, 30)
    assert scanned(path, image_pixels=1200) == ""
    assert scanned(path, image_pixels=1199) == "image.too_many_pixels"
    assert scanned(path, image_bytes=10) == "image.file_too_large"


def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for suffix in ("jpg", "png", "webp", "tif", "gif", "bmp"):
        whole = bytearray(picture(tmp_path / f"a.{suffix}", 60, 40).read_bytes())
        for _ in range(40):
            bent = bytearray(whole)
            for place in rng.integers(0, len(bent), size=6):
                bent[place] = rng.integers(0, 256)
            (tmp_path / "bent").write_bytes(bent)
            assert scanned(tmp_path / "bent") in {"", *CODES}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = picture(tmp_path / "a.png", 40, 30, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    assert (load_image(path) == expected).all()
    record = scan_image(tmp_path, "a.png", limits=Limits()).record
    assert record is not None
    assert (record.height, record.width, record.orientation) == (*expected.shape[:2], orientation)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16", "F"])
def test_every_mode_becomes_eight_bit_rgb(tmp_path: Path, mode: str) -> None:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8).reshape(1, 64).repeat(16, axis=0)
    if mode == "I;16":
        image = Image.fromarray(ramp.astype(np.uint16) * 257)
    else:
        image = (
            Image.fromarray(ramp).convert("RGB").convert(mode) if mode != "LA" else Image.fromarray(ramp).convert("LA")
        )
    image.save(tmp_path / "a.tif")
    array = load_image(tmp_path / "a.tif")
    assert array.shape == (16, 64, 3)
    assert array.dtype == np.uint8
    assert array[0, 0].max() < 8
    assert array[0, -1].min() > 247


def test_a_multi_picture_file_is_read_and_reported(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((30, 40, 3), level, dtype=np.uint8)) for level in (10, 200)]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    write_label(tmp_path / "a.txt", "0 0.5 0.5 0.5 0.5")
    reading = read_dataset(tmp_path, class_names=["x"])
    assert codes(reading) == {"image.several_pictures"}
    assert reading.index is not None
    assert reading.index.images[0].file_format == "MPO"
    assert load_image(tmp_path / "a.jpg").mean() < 20


def test_the_perceptual_hash_is_imagehashs_dhash(tmp_path: Path) -> None:
    import imagehash

    for seed in range(5):
        path = picture(tmp_path / f"{seed}.png", 90, 70, seed=seed)
        record = scan_image(tmp_path, path.name, limits=Limits()).record
        assert record is not None
        other = imagehash.dhash(Image.open(path))
        assert imagehash.hex_to_hash(record.perceptual_hash) - other <= 1


def test_an_image_left_out_for_its_fault_does_not_stop_the_others(tmp_path: Path) -> None:
    picture(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"")
    for name in ("good", "bad"):
        write_label(tmp_path / f"{name}.txt", "0 0.5 0.5 0.5 0.5")
    reading = read_dataset(tmp_path, class_names=["x"])
    assert codes(reading) == {"image.empty_file"}
    assert reading.index is not None
    assert [image.path for image in reading.index.images] == ["good.png"]


def test_whoever_looks_gets_every_usable_image_upright_and_changes_nothing_else(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    picture(tmp_path / "a.jpg", exif=exif)
    picture(tmp_path / "b.png", seed=1)
    (tmp_path / "c.png").write_bytes(b"no image")
    for name in "abc":
        write_label(tmp_path / f"{name}.txt", "0 0.5 0.5 0.5 0.5")
    looking = read_dataset(
        tmp_path, class_names=["x"], scan_options=ScanOptions(measure=lambda path, picture: (path, picture.size))
    )
    assert dict(looking.measurements) == {"a.jpg": ("a.jpg", (30, 40)), "b.png": ("b.png", (40, 30))}
    assert looking.index == read_dataset(tmp_path, class_names=["x"]).index


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("train/IMG_1_jpg.rf.99bc755b5840efd57120d7fc50c8b85d.jpg", "IMG_1_jpg"),
        ("IMG_1.jpg", ""),
        ("x.rf.short.jpg", ""),
    ],
)
def test_the_source_of_an_augmented_copy_is_in_its_name(path: str, source: str) -> None:
    assert source_of(path) == source


def test_pixels_survive_the_reading_exactly(tmp_path: Path) -> None:
    array = np.random.default_rng(3).integers(0, 255, size=(9, 7, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    assert (load_image(tmp_path / "a.png") == array).all()
