"""Lists of reflectance transformation imaging, normals of MATLAB, sets whose lights nobody measured."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from disk_datasets import codes, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets import Limits, UnreadableImage, read_dataset, recognise_format
from truscore.datasets.formats.multi_light.matlab_file import matlab_normals

from tests.planted_faults import lit

scipy_io = pytest.importorskip("scipy.io", reason="writes the files of MATLAB that are read")


def matlab(path: Path, *, compress: bool, **variables: object) -> bytes:
    scipy_io.savemat(path, variables, do_compression=compress)
    return path.read_bytes()


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_the_normals_of_a_file_of_matlab_are_read(tmp_path: Path, kind: type, *, compress: bool) -> None:
    normals_HWXYZ = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(kind)
    content = matlab(tmp_path / "n.mat", compress=compress, Normal_gt=normals_HWXYZ, mask=np.ones((5, 4)))
    assert (matlab_normals(content, Limits()) == normals_HWXYZ).all()


def test_whole_numbers_that_stand_for_floats_are_read(tmp_path: Path) -> None:
    up_HWXYZ = np.zeros((5, 4, 3))
    up_HWXYZ[..., 2] = 1
    assert (matlab_normals(matlab(tmp_path / "n.mat", compress=True, N=up_HWXYZ), Limits()) == up_HWXYZ).all()


def test_other_files_of_matlab_are_refused_by_name(tmp_path: Path) -> None:
    two = matlab(tmp_path / "n.mat", compress=True, a=np.ones((2, 2, 3)), b=np.ones((2, 2, 3)))
    with pytest.raises(UnreadableImage, match="2 arrays of normals"):
        matlab_normals(two, Limits())
    with pytest.raises(UnreadableImage, match="at most 3 pixels"):
        matlab_normals(matlab(tmp_path / "m.mat", compress=True, a=np.ones((2, 2, 3))), Limits(image_pixels=3))
    with pytest.raises(UnreadableImage, match="HDF5"):
        matlab_normals(b"MATLAB 7.3 MAT-file" + bytes(200), Limits())


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 400), instead=st.binary(min_size=1, max_size=8), compress=st.booleans())
def test_a_damaged_file_of_matlab_is_read_or_refused(
    at: int, instead: bytes, tmp_path_factory: pytest.TempPathFactory, *, compress: bool
) -> None:
    content = matlab(tmp_path_factory.mktemp("mat") / "n.mat", compress=compress, a=np.ones((3, 2, 3)))
    damaged = content[:at] + instead + content[at + len(instead) :]
    try:
        assert matlab_normals(damaged, Limits()).shape[2] == 3
    except UnreadableImage as refusal:
        assert refusal.reason  # noqa: PT017


def test_a_list_of_rti_has_images_and_their_lights(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"coin/img {number}.png", seed=number)
    lights = [f"C:\\coin\\img {number}.png {0.6 * number} 0.0 0.8" for number in range(3)]
    (tmp_path / "coin/coin.lp").write_text("\n".join(["3", *lights]))
    assert recognise_format(tmp_path) == "multi_light"
    reading = read_dataset(tmp_path)
    assert reading.problems == ()
    assert reading.index is not None
    found = [image.light.direction for image in reading.index.images if image.light]
    assert found == [(0.0, 0.0, 0.8), (0.6, 0.0, 0.8), (1.2, 0.0, 0.8)]


def test_a_set_without_lights_has_views_under_named_ones(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / f"Bunny/l_{number}.png", seed=number)
    picture(tmp_path / "Bunny/mask.png")
    (tmp_path / "Bunny/names.txt").write_text("".join(f"l_{number}.png\n" for number in range(4)))
    index = read_dataset(tmp_path, format="multi_light").index
    assert index is not None
    assert [image.light.name for image in index.images if image.light] == ["l_0", "l_1", "l_2", "l_3"]
    assert [lit_object.name for lit_object in index.objects] == ["Bunny"]
    assert "format.duplicate_image" not in codes(read_dataset(tmp_path))


def png_of_sixteen_bits(path: Path, values_HWC: np.ndarray) -> None:
    """A PNG with 16 bits for each colour, which Pillow reads and does not write (PNG, 11.2.2: big-endian, rows with a
    filter byte)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = values_HWC.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values_HWC)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_normals_in_a_png_of_sixteen_bits_are_unit_vectors(tmp_path: Path) -> None:
    lit.diligent(tmp_path, np.random.default_rng(0))
    normals_HWXYZ = np.load(tmp_path / "normals.npy")
    (tmp_path / "normals.npy").unlink()
    known_HW = np.abs(normals_HWXYZ).sum(axis=2) > 0
    png_of_sixteen_bits(tmp_path / "Normal_gt.png", ((normals_HWXYZ + 1) / 2 * 65535).round() * known_HW[..., None])
    reading = read_dataset(tmp_path)
    assert reading.problems == ()
    assert reading.index is not None
    normals = reading.index.objects[0].normals
    assert normals is not None
    assert normals.path == "Normal_gt.png"
    assert normals.expected_px == normals.unit_px == known_HW.sum()
