"""What is written in a format is read back as it was, or refused before anything is written."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from index_strategies import GRADED, MARKS, NAMES, indexes, write_pictures
from truscore.datasets import Annotation, DatasetIndex, ImageRecord, read_dataset, recognise_format
from truscore.datasets.formats.capacity import LossyConversion, losses
from truscore.datasets.formats.writing import WRITERS, write_dataset

one_label = st.integers(1, 3).map(lambda label: (label,))
some_labels = st.none() | st.lists(st.integers(1, 4), unique=True).map(lambda found: tuple(sorted(found)))
SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}

# What to draw for each format, so that most of it fits.
FITTING = {
    "coco": {"kinds": {"box", "polygon", "parts", "rle", "crowd"}},
    "yolo": {"kinds": {"box", "polygon"}},
    "voc": {"kinds": {"box", "polygon", "parts"}},
    "labelme": {"kinds": {"box", "polygon", "parts", "rle", "stroke"}, "labels": some_labels},
    "folder": {"labels": one_label, "names": GRADED},
    "csv": {"labels": some_labels, "scores": {"sharpness", "centring"}},
    "masks": {"kinds": {"rle"}, "one_of_each": True},
    "truscore": {"kinds": set(MARKS), "labels": some_labels, "scores": {"sharpness"}},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, ImageRecord]]:
    root = tmp_path_factory.mktemp("pictures")
    return root, write_pictures(root)


def essence(index: DatasetIndex, paths: Mapping[str, str]) -> list[object]:
    """All that must come back: no ids, no order of marks, not the format's name; coordinates to 1e-4 pixels."""
    images = sorted(index.images, key=lambda image: paths.get(image.path, image.path))
    return [index.class_names, index.grades, [_image(image, paths.get(image.path, image.path)) for image in images]]


def _image(image: ImageRecord, path: str) -> object:
    plain = replace(image, path=path, annotations=())
    return plain, sorted((_mark(annotation) for annotation in image.annotations), key=repr)


def _mark(mark: Annotation) -> object:
    numbers = [*mark.box_xywh, *mark.points, *(value for polygon in mark.polygons for value in polygon)]
    return mark.label, mark.crowd, mark.shape, mark.rle, len(mark.polygons), [round(number, 4) for number in numbers]


def round_trip(index: DatasetIndex, root: Path, format: str, *, recognised: bool) -> None:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        try:
            written = write_dataset(index, root, out, format=format)
        except LossyConversion:
            assert not out.exists()
            raise
        reading = read_dataset(out, format=format)
        assert reading.index is not None, reading.problems
        assert essence(reading.index, {}) == essence(index, written.paths)
        if recognised:
            assert recognise_format(out) == format


@pytest.mark.parametrize("format", sorted(FITTING))
@settings(max_examples=15, **SLOW)
@given(data=st.data())
def test_what_a_format_can_hold_comes_back_as_it_was(
    format: str, data: st.DataObject, pictures: tuple[Path, Mapping[str, ImageRecord]]
) -> None:
    root, records = pictures
    index = data.draw(indexes(records, **FITTING[format]))
    assume(not losses(index, format=format))
    try:
        round_trip(index, root, format, recognised=True)
    except LossyConversion:
        assume(False)


@settings(max_examples=60, **SLOW)
@given(data=st.data(), format=st.sampled_from(sorted(WRITERS)))
def test_any_index_is_written_so_that_it_comes_back_or_refused_before_anything_is_written(
    data: st.DataObject, format: str, pictures: tuple[Path, Mapping[str, ImageRecord]]
) -> None:
    root, records = pictures
    kinds = data.draw(st.sets(st.sampled_from(sorted(MARKS)), max_size=2))
    names = data.draw(st.sampled_from([NAMES, NAMES[:1], GRADED, ("1", "2"), ("a/b", "none"), ("__ignore__", "good")]))
    labels = st.none() | st.lists(st.integers(1, len(names)), unique=True).map(lambda found: tuple(sorted(found)))
    scores = data.draw(st.sampled_from([(), ("sharpness",)]))
    index = data.draw(indexes(records, kinds=kinds, labels=labels, scores=scores, names=names))
    try:
        round_trip(index, root, format, recognised=False)
    except LossyConversion as refusal:
        event(f"{format}: {refusal.losses[0].partition(' (')[0]}")


@settings(max_examples=15, **SLOW)
@given(data=st.data())
def test_boxes_go_through_a_table(data: st.DataObject, pictures: tuple[Path, Mapping[str, ImageRecord]]) -> None:
    root, records = pictures
    drawn = data.draw(indexes(records, kinds={"box"}))
    images = tuple(image if image.annotations else replace(image, labels=()) for image in drawn.images)
    assume(any(image.annotations for image in images))
    round_trip(replace(drawn, images=images), root, "csv", recognised=True)


@settings(max_examples=15, **SLOW)
@given(data=st.data())
def test_masks_go_into_the_folders_of_their_classes(
    data: st.DataObject, pictures: tuple[Path, Mapping[str, ImageRecord]]
) -> None:
    root, records = pictures
    drawn = data.draw(indexes(records, kinds={"rle"}, names=NAMES[:2], one_of_each=True))
    images = tuple(
        replace(image, annotations=image.annotations[:1], labels=tuple(mark.label for mark in image.annotations[:1]))
        for image in drawn.images
    )
    index = replace(drawn, images=images)
    assume(len({image.labels for image in images}) > 1)
    round_trip(index, root, "masks", recognised=True)


@pytest.mark.parametrize(
    ("format", "index", "lost"),
    [
        ("coco", {"labels": st.just((1,))}, "one class for a whole image"),
        ("coco", {"kinds": {"stroke"}}, "points, lines and circles"),
        ("yolo", {"kinds": {"parts"}}, "annotations of several polygons"),
        ("yolo", {"kinds": {"rle"}}, "run-length masks"),
        ("voc", {"kinds": {"rle"}}, "run-length masks"),
        ("voc", {"scores": {"sharpness"}}, "scores"),
        ("labelme", {"kinds": {"crowd"}}, "crowd marks"),
        ("folder", {"labels": st.just((1, 2))}, "several classes for a whole image"),
        ("folder", {"kinds": {"box"}}, "boxes without an outline"),
        ("csv", {"kinds": {"polygon"}}, "polygons"),
        ("masks", {"kinds": {"polygon"}}, "polygons"),
        ("yolo", {"names": GRADED, "labels": st.just((1,))}, "grades of classes"),
    ],
)
@settings(max_examples=4, **SLOW)
@given(data=st.data())
def test_what_a_format_cannot_hold_is_refused_by_name(
    format: str, index: dict, lost: str, data: st.DataObject, pictures: tuple[Path, Mapping[str, ImageRecord]]
) -> None:
    root, records = pictures
    drawn = data.draw(indexes(records, **index))
    assume(any(image.annotations or image.labels or image.scores for image in drawn.images))
    with TemporaryDirectory() as folder, pytest.raises(LossyConversion, match=lost):
        write_dataset(drawn, root, Path(folder) / "set", format=format)


def test_a_loss_that_is_allowed_is_reported_and_the_rest_comes_back(
    tmp_path: Path, pictures: tuple[Path, Mapping[str, ImageRecord]]
) -> None:
    root, records = pictures
    box = Annotation(label=1, box_xywh=(1.0, 2.0, 9.0, 8.0))
    image = replace(records["a.jpg"], annotations=(box,), scores=(("sharpness", 0.5),))
    index = DatasetIndex(format="", class_names=("dent",), images=(image,))
    written = write_dataset(index, root, tmp_path / "set", format="coco", lossy=True)
    assert written.losses == ("scores (a.jpg)",)
    back = read_dataset(tmp_path / "set").index
    assert back is not None
    assert back.images[0].annotations[0].box_xywh == box.box_xywh
    assert back.images[0].scores == ()


def test_a_folder_that_holds_something_is_not_written_into(
    tmp_path: Path, pictures: tuple[Path, Mapping[str, ImageRecord]]
) -> None:
    root, records = pictures
    index = DatasetIndex(format="", class_names=("dent",), images=(records["a.jpg"],))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        write_dataset(index, root, tmp_path, format="coco")
    with pytest.raises(ValueError, match="accepted are: coco, yolo"):
        write_dataset(index, root, tmp_path / "new", format="tiff")


@pytest.mark.parametrize(
    ("source", "format"),
    [
        ("fruitsnuts_coco", "coco"),
        ("jenga_yolo_seg", "yolo"),
        ("jenga_yolo_seg", "coco"),
        ("neu_det_voc", "voc"),
        ("neu_det_voc", "csv"),
        ("labelme_examples/primitives", "labelme"),
        ("baseball_cards_4light_labelme", "labelme"),
        ("psa_grades_150x200", "folder"),
        ("psa_grades_150x200", "csv"),
        ("magnetic_tile_masks", "masks"),
    ],
)
def test_real_datasets_go_through_their_formats_unchanged(
    shared_data: Path, tmp_path: Path, source: str, format: str
) -> None:
    index = read_dataset(shared_data / source).index
    assert index is not None
    written = write_dataset(index, shared_data / source, tmp_path / "set", format=format)
    back = read_dataset(tmp_path / "set")
    assert back.index is not None
    assert essence(back.index, {}) == essence(index, written.paths)
    assert recognise_format(tmp_path / "set") == format
