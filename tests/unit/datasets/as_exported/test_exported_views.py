"""Crops and sides of cards, as folders have them, stay together."""

from pathlib import Path

import pytest
from exported_folders import exported, groups, index_of
from truscore.datasets import split_dataset


@pytest.mark.parametrize(
    ("name", "cards", "views"),
    [
        ("folders_edge_crops", 12, 4),
        ("folders_corner_crops", 12, 4),
        ("folders_front_back_names", 16, 2),
        ("csv_card_folders", 12, 2),
    ],
)
def test_the_views_of_a_card_are_one_group_and_in_one_part(
    shared_data: Path, name: str, cards: int, views: int
) -> None:
    index = index_of(exported(shared_data, name))
    found = groups(index)
    assert (len(found), {len(group) for group in found}) == (cards, {views})
    assert len(index.grades) == len(index.class_names) > 1
    split = split_dataset(index, seed=2)
    for part in (split.train, split.validation, split.test):
        assert all(group <= set(part) or not group & set(part) for group in found)


@pytest.mark.parametrize(
    ("name", "grades"),
    [
        ("folders_half_underscore", (8.0, 8.5, 9.0, 9.5, 10.0)),
        ("folders_grade_words", (8.0, 9.0, 10.0)),
    ],
)
def test_folders_are_grades_as_graders_write_them(shared_data: Path, name: str, grades: tuple[float, ...]) -> None:
    assert index_of(exported(shared_data, name)).grades == grades
