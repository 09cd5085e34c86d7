"""The most even of several seeds, and where objects lie."""

from __future__ import annotations

from pathlib import Path

from truscore.datasets import read_dataset
from truscore.datasets.index.records import DatasetIndex
from truscore.synthesis import render_dataset

from services.studio.child.dividing import evenness_of, most_even, parts_by_seed
from services.studio.child.inspecting import HEAT_CELLS, heat_of

SHARES = (0.6, 0.2, 0.2)


def cards(folder: Path) -> DatasetIndex:
    index = read_dataset(render_dataset(folder, count=12, seed=5, image_size=(64, 80))).index
    assert index is not None
    return index


def test_no_seed_that_was_tried_divides_more_evenly_and_what_changes_is_counted(tmp_path: Path) -> None:
    index = cards(tmp_path)
    found = most_even(index, seed=3, fractions=SHARES, seeds=12)
    others = [evenness_of(index, parts_by_seed(index, seed, SHARES)) for seed in range(12)]
    assert (found["absent"], found["worst"]) == min((each.absent, each.worst) for each in others)
    assert found["worst_now"] == evenness_of(index, parts_by_seed(index, 3, SHARES)).worst
    now, then = (parts_by_seed(index, seed, SHARES) for seed in (3, found["seed"]))
    assert found["moved"] == sum(len(set(then[name]) - set(now[name])) for name in now)
    assert most_even(index, seed=found["seed"], fractions=SHARES, seeds=12)["moved"] == 0


def test_parts_of_images_that_all_have_all_classes_are_even(tmp_path: Path) -> None:
    index = cards(tmp_path)
    paths = [image.path for image in index.images]
    even = evenness_of(index, {"training": paths[:6], "test": paths[6:]})
    assert (even.worst, even.absent) == (0, 0)


def test_each_object_is_counted_where_its_middle_lies(tmp_path: Path) -> None:
    index = cards(tmp_path)
    heat = heat_of(index)
    assert [sum(map(sum, cells)) for cells in heat] == [12, 12]
    middle = range(HEAT_CELLS // 4, 3 * HEAT_CELLS // 4)
    assert sum(heat[0][row][column] for row in middle for column in middle) == 12
