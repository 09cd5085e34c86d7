"""A dataset in numbers, made up and real."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from index_strategies import HEIGHT, MARKS, WIDTH, indexes
from truscore.datasets import DatasetIndex, read_dataset
from truscore.datasets.index.records import RLE, Annotation, ImageRecord
from truscore.datasets.statistics import statistics_of
from truscore.recipes import config_of, resolve
from truscore.recipes.suggest import suggest
from truscore.recipes.suggestion import Gpu, Hardware

RECORDS = {
    f"{number}.png": ImageRecord(path=f"{number}.png", sha256=f"{number % 4}", size_bytes=1, width=WIDTH, height=HEIGHT)
    for number in range(6)
}
TWO_CORES = Hardware(cpu_cores=2, free_bytes=8 << 30)
ONE_GPU = Hardware(cpu_cores=16, free_bytes=64 << 30, gpus=(Gpu(name="GPU", free_bytes=24 << 30),))


def an_image(path: str, *annotations: Annotation, **more: object) -> ImageRecord:
    given = {"sha256": path, "size_bytes": 1, "width": 200, "height": 100, **more}
    return ImageRecord(path=path, annotations=annotations, **given)  # type: ignore[arg-type]


def test_counts_sides_and_shares_are_those_of_the_marks() -> None:
    square = Annotation(label=1, box_xywh=(0, 0, 20, 10))  # a hundredth of the image: a tenth as side
    drawn = Annotation(label=2, box_xywh=(0, 0, 200, 100), rle=RLE(height=100, width=200, counts=(0, 5000, 15000)))
    index = DatasetIndex(
        format="coco", class_names=("a", "b", "never"), images=(an_image("1", square, square, drawn), an_image("2"))
    )
    found = statistics_of(index)
    assert (found.images, found.groups, found.unlabelled_images, found.longer_side) == (2, 2, 1, 200)
    assert (found.instances, found.most_instances, found.outlined) == (3, 3, 1)
    assert found.small_object_side == found.object_side == pytest.approx(0.1)
    assert found.marked_share == pytest.approx((200 + 200 + 5000) / 40_000)
    assert found.class_counts == {"a": 2, "b": 1, "never": 0}
    assert found.class_imbalance == 2


def test_equal_images_are_one_source_and_grades_are_counted() -> None:
    images = (an_image("1", sha256="x", labels=(1,)), an_image("2", sha256="x", labels=(2,)), an_image("3"))
    index = DatasetIndex(format="folders", class_names=("1", "2"), images=images, grades=(1.0, 2.0))
    found = statistics_of(index)
    assert (found.groups, found.graded_images, found.scored_images) == (2, 2, 0)


def test_nothing_has_no_statistics_to_fall_over() -> None:
    found = statistics_of(DatasetIndex(format="coco", class_names=(), images=()))
    assert (found.images, found.longer_side, found.object_side, found.class_imbalance) == (0, 0, 0.0, 1.0)


@settings(max_examples=25, deadline=None)
@given(indexes(RECORDS, kinds=sorted(MARKS)))
def test_whatever_is_read_has_statistics_and_a_suggestion(index: DatasetIndex) -> None:
    found = statistics_of(index)
    assert 0 <= found.small_object_side <= found.object_side <= 1
    assert 0 <= found.marked_share <= 1
    assert found.class_imbalance >= 1
    for hardware in (TWO_CORES, ONE_GPU):
        stated = suggest("border_detection", "dual_class", found, hardware)
        assert config_of(resolve(stated.category, stated.option, stated.architecture, stated.config)) == stated.config


@pytest.mark.parametrize(
    ("name", "category", "option"),
    [
        ("fruitsnuts_coco", "surface_analysis", "defect_detection"),
        ("magnetic_tile_masks", "corner_analysis", "damage_detection"),
        ("psa_grades_150x200", "surface_analysis", "quality_rating"),
    ],
)
def test_a_real_dataset_gets_a_suggestion_with_reasons(
    shared_data: Path, name: str, category: str, option: str
) -> None:
    index = read_dataset(shared_data / name).index
    assert index is not None
    found = statistics_of(index)
    for hardware in (TWO_CORES, ONE_GPU):
        stated = suggest(category, option, found, hardware)
        assert config_of(resolve(category, option, stated.architecture, stated.config)) == stated.config
        assert all(choice.reason for choice in stated.choices)
