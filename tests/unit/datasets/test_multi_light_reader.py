"""Views under many lights, read from disk into one index. H, W: height and width; L: lights; XYZ: a direction."""

import io
import pickle
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from disk_datasets import codes, only
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from truscore.datasets import (
    DatasetIndex,
    Limits,
    ReadResult,
    index_from_json,
    index_to_json,
    load_image,
    read_dataset,
    recognise_format,
    split_dataset,
)
from truscore.datasets.formats.capacity import LossyConversion
from truscore.datasets.formats.multi_light import layouts
from truscore.datasets.formats.multi_light.layouts import objects_in
from truscore.datasets.formats.multi_light.object_maps import read_normals
from truscore.datasets.formats.writing import write_dataset
from truscore.datasets.paths import stem_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.splitting.folds import fold_dataset, sample_dataset
from truscore.datasets.splitting.split import InvalidSplit

from tests.planted_faults import lit

LAYOUTS = {"diligent": lit.diligent, "several": lit.several, "numbered": lit.numbered, "named": lit.named}
OBJECTS = {"diligent": ["."], "several": ["ballPNG", "bearPNG"], "numbered": ["gray/gray", "owl/owl"],
           "named": ["andyslyke_1", "rubensierra_1"]}  # fmt: skip


def written(folder: Path, write: Callable[..., None] = lit.diligent, seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    write(folder, np.random.default_rng(seed))
    return folder


def index_of(reading: ReadResult) -> DatasetIndex:
    assert reading.index is not None
    return reading.index


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_view_of_an_object_is_in_its_group_with_its_light(name: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "set", LAYOUTS[name])
    assert recognise_format(folder) == "multi_light"
    index = index_of(reading := read_dataset(folder))
    assert reading.problems == ()
    assert [thing.name for thing in index.objects] == OBJECTS[name]
    lights = {image.light.object: image.group for image in index.images if image.light}
    assert lights == {thing: f"object {thing}" for thing in OBJECTS[name]}
    views = 4 if name == "named" else lit.LIGHTS
    assert len(index.images) == views * len(OBJECTS[name])
    assert {image.group for image in index.images} == set(lights.values())


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_an_index_with_lights_comes_back_from_json(name: str, tmp_path: Path) -> None:
    index = index_of(read_dataset(written(tmp_path / "set", LAYOUTS[name])))
    assert index_from_json(index_to_json(index)) == index


def test_normals_solved_with_the_lights_are_those_of_the_normal_map(tmp_path: Path) -> None:
    """Lambert's law and least squares (Woodham 1980): only with y up and each light at its view do they agree."""
    folder = written(tmp_path / "set")
    index = index_of(read_dataset(folder))
    directions_LXYZ = np.array([image.light.direction for image in index.images if image.light])
    intensity_L = np.array([image.light.intensity_rgb[0] for image in index.images if image.light])
    green_LHW = np.stack([load_image(folder / image.path)[..., 1].astype(float) for image in index.images])
    known_HWXYZ = np.load(folder / "normals.npy")
    bright_HW = (green_LHW > 8).all(axis=0)
    solved_XYZN, *_ = np.linalg.lstsq(directions_LXYZ * intensity_L[:, None], green_LHW[:, bright_HW], rcond=None)
    solved_XYZN /= np.linalg.norm(solved_XYZN, axis=0)
    cosine_N = (solved_XYZN.T * known_HWXYZ[bright_HW]).sum(axis=1)
    assert bright_HW.sum() > 200
    assert np.degrees(np.arccos(np.clip(cosine_N, -1, 1))).mean() < 2


def test_lights_go_with_the_images_as_listed_and_not_as_named(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    names = lines_of(folder / "filenames.txt")[::-1]
    (folder / "filenames.txt").write_text("\r\n".join(names))
    rows = [tuple(map(float, line.split())) for line in lines_of(folder / "light_directions.txt")]
    index = index_of(read_dataset(folder))
    assert {image.path: image.light.direction for image in index.images if image.light} == dict(
        zip(names, rows, strict=True)
    )


def test_numbered_views_go_by_number_and_share_one_list(tmp_path: Path) -> None:
    def twelve(folder: Path, random: np.random.Generator) -> None:
        lights_LXYZ = lit.lights(random, 12)
        lit.write_rows(folder / "lights.txt", lights_LXYZ, first="12\n")
        for number in range(12):
            Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(folder / f"a.{number}.tga")

    folder = written(tmp_path / "set", twelve)
    index = index_of(read_dataset(folder))
    rows = [tuple(map(float, line.split())) for line in lines_of(folder / "lights.txt")[1:]]
    found = {image.path: image.light.direction for image in index.images if image.light}
    assert found == {f"a.{number}.tga": row for number, row in enumerate(rows)}
    assert {image.file_format for image in index.images} == {"TGA"}


def test_work_grows_with_the_number_of_objects_in_a_folder_and_not_with_its_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: Counter[str] = Counter()

    def counted(path: str) -> str:
        looked_at[path] += 1
        return stem_of(path)

    monkeypatch.setattr(layouts, "stem_of", counted)
    files = [f"thing{number}{part}" for number in range(100) for part in (".0.png", ".mask.png", ".Normals.npy")]
    objects = objects_in(Folder(root=Path("nowhere"), files=("lights.txt", *files)), limits=Limits())
    assert len(objects) == 100
    assert all(views.maps.mask == f"{views.name}.mask.png" for views in objects)
    assert all(views.maps.normals == f"{views.name}.Normals.npy" for views in objects)
    assert max(looked_at.values()) <= 3


def test_a_listed_view_that_is_not_there_is_named_and_the_others_keep_their_lights(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    before = {image.path: image.light for image in index_of(read_dataset(folder)).images}
    (folder / "003.png").unlink()
    reading = read_dataset(folder)
    assert only(reading, "format.image_missing") == "filenames.txt#3: image '003.png' is not in the dataset"
    del before["003.png"]
    assert {image.path: image.light for image in index_of(reading).images} == before


def test_the_list_of_numbered_views_is_held_against_what_is_there(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lit.numbered)
    (folder / "gray.txt").write_text("3\npsmImages/gray/gray.0.tga\npsmImages/gray/gray.77.tga\ngray.mask.tga\n")
    (folder / "owl.txt").write_text("An owl of clay, photographed in a dark room.\n")
    reading = read_dataset(folder)
    assert codes(reading) == {"format.image_missing"}
    assert only(reading, "format.image_missing").startswith("gray.txt#3: image 'psmImages/gray/gray.77.tga'")


def test_a_listed_view_is_not_looked_for_in_another_objects_folder(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lit.several)
    (folder / "bearPNG/only.png").write_bytes((folder / "bearPNG/001.png").read_bytes())
    names = lines_of(folder / "ballPNG/filenames.txt")
    (folder / "ballPNG/filenames.txt").write_text("\n".join(["only.png", *names[1:]]))
    reading = read_dataset(folder)
    assert "ballPNG/filenames.txt#1" in only(reading, "format.image_missing")
    assert "format.image_unlisted" in codes(reading)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\x.png"])
def test_a_listed_path_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    (folder / "filenames.txt").write_text("\n".join([name, *lines_of(folder / "filenames.txt")[1:]]))
    assert "filenames.txt#1" in only(read_dataset(folder), "format.path_escape")


def test_where_counts_differ_no_light_is_given_to_any_view(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    rows = lines_of(folder / "light_directions.txt")
    (folder / "light_directions.txt").write_text("\n".join(rows[1:]))
    reading = read_dataset(folder)
    assert only(reading, "format.multi_light.count") == (
        "light_directions.txt: 7 lights for 8 images of '.'; which is which is not known"
    )
    assert {image.light.direction for image in index_of(reading).images if image.light} == {None}


def test_an_unparsable_number_names_its_line_and_text(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    rows = lines_of(folder / "light_directions.txt")
    rows[4] = "0.1 O.2 0.9"
    (folder / "light_directions.txt").write_text("\n".join(rows))
    reading = read_dataset(folder)
    assert only(reading, "format.multi_light.value") == (
        "light_directions.txt#5: line 5: '0.1 O.2 0.9'; accepted are 3 numbers a line"
    )
    assert [image.path for image in index_of(reading).images if image.light.direction is None] == ["005.png"]


def test_without_a_list_images_are_taken_by_number_not_by_letter(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    rows = [tuple(map(float, line.split())) for line in lines_of(folder / "light_directions.txt")]
    for number, name in enumerate(lines_of(folder / "filenames.txt"), 3):
        (folder / name).rename(folder / f"view{number}.png")
    (folder / "filenames.txt").unlink()
    reading = read_dataset(folder)
    assert codes(reading) == {"format.multi_light.no_list"}
    found = {image.path: image.light.direction for image in index_of(reading).images if image.light}
    assert found == {f"view{number}.png": row for number, row in enumerate(rows, 3)}


def test_a_normal_map_as_picture_is_read_where_there_are_no_numbers(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    numbers = index_of(read_dataset(folder)).objects[0].normals
    normals_HWXYZ = np.load(folder / "normals.npy")
    Image.fromarray(np.round((normals_HWXYZ + 1) * 127.5).astype(np.uint8)).save(folder / "Normal_gt.png")
    assert index_of(read_dataset(folder)).objects[0].normals == numbers
    (folder / "normals.npy").unlink()
    picture = index_of(reading := read_dataset(folder)).objects[0].normals
    assert reading.problems == ()
    assert picture is not None
    assert numbers is not None
    assert (picture.path, picture.expected_px, picture.unit_px) == (
        "Normal_gt.png",
        numbers.expected_px,
        numbers.expected_px,
    )


def array_file(header: str) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def test_an_array_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    folder, trace = written(tmp_path / "set"), tmp_path / "trace"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (trace,)

    header = array_file("{'descr': '|O', 'fortran_order': False, 'shape': (64, 64, 3)}\n")
    (folder / "normals.npy").write_bytes(header + pickle.dumps(Bomb()))
    assert "accepted is height x width x 3" in only(read_dataset(folder), "label.normals_unreadable")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999, 3)}\n", "at most"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (64, 64, 3)}\n", "more than the"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (64, -64, 3)}\n", "accepted is"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (10**9,)}\n", "as numpy writes it"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (64, 64, 3)}\n", "accepted is"),
        ("(" * 5000, "as numpy writes it"),
        ("", "as numpy writes it"),
    ],
)
def test_an_array_that_promises_what_it_has_not_is_refused(header: str, reason: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    (folder / "normals.npy").write_bytes(array_file(header))
    assert reason in only(read_dataset(folder), "label.normals_unreadable")


def alone(root: Path, name: str, limits: Limits | None = None) -> ReaderContext:
    """The context of a folder with this file only."""
    folder = Folder(root=root, files=(name,))
    return ReaderContext(folder=folder, log=ProblemLog(limit=9), limits=limits or Limits())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_bytes_make_the_reader_of_arrays_fail_otherwise_than_by_refusing(data: st.DataObject) -> None:
    sound = io.BytesIO()
    np.save(sound, np.zeros((4, 5, 3), dtype=np.float32))
    content = bytearray(sound.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, 127))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    with TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy warns of headers of Python 2
        (Path(name) / "normals.npy").write_bytes(content or b"x")
        context = alone(Path(name), "normals.npy")
        found = read_normals(context, "normals.npy", None)
    assert (found is None) == bool(context.log.all())


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_vectors_that_are_no_numbers_are_counted_as_none_of_length_one(value: float, tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    normals_HWXYZ = np.load(folder / "normals.npy")
    normals_HWXYZ[30:34, 30:34] = value
    np.save(folder / "normals.npy", normals_HWXYZ)
    (thing,) = index_of(read_dataset(folder)).objects
    assert thing.normals is not None
    assert thing.normals.expected_px - thing.normals.unit_px == 16


def test_arrays_stored_by_columns_are_the_same_map(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    by_rows = index_of(read_dataset(folder)).objects[0].normals
    np.save(folder / "normals.npy", np.asfortranarray(np.load(folder / "normals.npy").astype(np.float64)))
    by_columns = index_of(read_dataset(folder)).objects[0].normals
    assert by_rows is not None
    assert by_columns is not None
    assert (by_columns.expected_px, by_columns.unit_px) == (by_rows.expected_px, by_rows.unit_px)


@pytest.mark.parametrize("limits", [Limits(lights_per_object=5), Limits(label_file_bytes=50)])
def test_lists_beyond_the_limits_are_not_read(limits: Limits, tmp_path: Path) -> None:
    reading = read_dataset(written(tmp_path / "set"), limits=limits)
    assert "format.multi_light.unreadable" in codes(reading)
    assert {image.light.direction for image in index_of(reading).images if image.light} == {None}


def test_a_large_mask_and_normal_map_are_refused_within_the_limit_of_pixels(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    Image.new("L", (100, 100)).save(folder / "mask.png")
    np.save(folder / "normals.npy", np.zeros((100, 100, 3), dtype=np.float32))
    found = codes(read_dataset(folder, limits=Limits(image_pixels=lit.SIDE**2)))
    assert found == {"label.mask_unreadable", "label.normals_unreadable"}


@pytest.mark.parametrize(("height", "width"), [(2000, 2000), (2, 2_000_000)])
def test_normal_maps_are_measured_in_little_more_memory_than_their_file_takes(
    height: int, width: int, tmp_path: Path
) -> None:
    up_HWXYZ = np.zeros((height, width, 3), dtype=np.float16)
    up_HWXYZ[..., 2] = 1
    np.save(tmp_path / "normals.npy", up_HWXYZ)
    Image.new("RGB", (width, height), (128, 128, 255)).save(tmp_path / "normals.png")
    for name in ("normals.npy", "normals.png"):
        context = alone(tmp_path, name, Limits(image_bytes=up_HWXYZ.nbytes + 1000))
        tracemalloc.start()
        found = read_normals(context, name, None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found is not None, context.log.all()
        assert found.unit_px == found.expected_px == height * width
        assert peak < 2.5 * up_HWXYZ.nbytes, name


def test_a_declared_threshold_cuts_the_masks_of_objects(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    ramp_HW = np.tile(np.linspace(0, 255, lit.SIDE).astype(np.uint8), (lit.SIDE, 1))
    Image.fromarray(ramp_HW).save(folder / "mask.png")
    assert "label.mask_not_binary" in codes(read_dataset(folder))
    (folder / "truscore.json").write_text('{"mask_threshold": 200}')
    reading = read_dataset(folder)
    mask = index_of(reading).objects[0].mask
    assert "label.mask_not_binary" not in codes(reading)
    assert mask is not None
    assert mask.marked_px == int((ramp_HW > 200).sum())


def test_two_images_of_one_named_light_are_reported(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lit.named)
    card = folder / "AndySlyke_1"
    Image.open(card / "AndySlyke_1_Up.jpg").rotate(9).save(card / "AndySlyke_1_up.png")
    assert "named 'up'; accepted is one" in only(read_dataset(folder), "format.multi_light.count")


def test_lights_of_annotated_cards_do_not_make_a_set_of_lights(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lit.named)
    for number in range(30):
        (folder / f"psa{number % 2}").mkdir(exist_ok=True)
        Image.new("RGB", (40, 40), (number, 9, 9)).save(folder / f"psa{number % 2}/{number}.png")
    assert recognise_format(folder) == "folder"


def test_a_split_keeps_all_views_of_an_object_together(tmp_path: Path) -> None:
    def many(folder: Path, random: np.random.Generator) -> None:
        for number in range(6):
            lit.diligent(folder, random, count=4, inner=f"thing{number}")

    index = index_of(read_dataset(written(tmp_path / "set", many)))
    split = split_dataset(index, seed=1)
    homes = [{path.partition("/")[0] for path in part} for part in (split.train, split.validation, split.test)]
    assert all(homes[:2])
    assert sum(map(len, homes)) == len(set().union(*homes)) == 6


def test_the_views_of_a_single_object_are_never_divided(tmp_path: Path) -> None:
    index = index_of(read_dataset(written(tmp_path / "set")))
    split = split_dataset(index, seed=0)
    assert (len(split.train), split.validation, split.test) == (lit.LIGHTS, (), ())
    with pytest.raises(InvalidSplit, match="in 1 groups"):
        fold_dataset(index, folds=2, seed=0)


def test_a_sample_holds_whole_objects_and_no_others(tmp_path: Path) -> None:
    index = index_of(read_dataset(written(tmp_path / "set", lit.several)))
    sample = sample_dataset(index, images=lit.LIGHTS, seed=0)
    assert len(sample.images) == lit.LIGHTS
    assert [thing.name for thing in sample.objects] == sorted({image.light.object for image in sample.images})


def test_a_declared_group_joins_objects_and_leaves_their_lights(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lit.several)
    (folder / "truscore.json").write_text('{"groups": {"same": ["ballPNG/", "bearPNG/"]}}')
    index = index_of(read_dataset(folder))
    assert {image.group for image in index.images} == {"declared same"}
    assert {image.light.object for image in index.images if image.light} == {"ballPNG", "bearPNG"}


def test_no_annotation_format_takes_lights_without_saying_so(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    index = index_of(read_dataset(folder))
    with pytest.raises(LossyConversion, match="lights of views"):
        write_dataset(index, folder, tmp_path / "out", format="coco")


def test_a_view_that_cannot_be_decoded_is_reported_and_takes_its_light_along(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", lit.numbered)
    whole = (folder / "gray/gray.3.tga").read_bytes()
    (folder / "gray/gray.3.tga").write_bytes(whole[: len(whole) // 2])
    reading = read_dataset(folder)
    assert codes(reading) <= {"image.truncated", "image.corrupt"}
    assert len(index_of(reading).images) == 2 * lit.LIGHTS - 1


def test_a_grey_picture_is_no_normal_map(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    (folder / "normals.npy").unlink()
    content = io.BytesIO()
    Image.new("L", (lit.SIDE, lit.SIDE), 90).save(content, "PNG")
    (folder / "Normal_gt.png").write_bytes(content.getvalue())
    assert "pixel mode L" in only(read_dataset(folder), "label.normals_unreadable")
