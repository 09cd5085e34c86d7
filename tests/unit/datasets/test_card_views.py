"""Views of one card stay together, and crops of it are not taken for lights."""

from pathlib import Path

import numpy as np
import pytest
from disk_datasets import picture
from PIL import Image
from truscore.datasets import read_dataset, recognise_format, split_dataset
from truscore.datasets.splitting.card_views import card_and_view
from truscore.datasets.splitting.name_groups import groups_by_name

HASHES = ("0123456789abcdef0123", "fedcba9876543210fedc")


@pytest.mark.parametrize(
    "views",
    [
        ("front", "back"),
        ("Vorderseite", "Rückseite"),
        ("obverse", "reverse"),
        ("f", "b"),
        ("tl", "tr", "bl", "br"),
        ("TL", "TR", "BL", "BR"),
        ("top_left", "top_right", "bottom_left", "bottom_right"),
        ("corner_tl", "corner_tr"),
        ("topleft", "bottomright"),
        ("top", "bottom", "left", "right"),
        ("edge_top", "edge_bottom"),
        ("1of4", "2of4", "3of4", "4of4"),
        ("1_of_2", "2_of_2"),
        ("corner1", "corner2", "corner3", "corner4"),
        ("exp1", "exp2", "exp3"),
        ("light_01", "light_02"),
        ("front_tl", "back_tl", "front_br"),
    ],
)
@pytest.mark.parametrize("between", ["_", "-", " "])
def test_views_of_a_card_are_one_group(views: tuple[str, ...], between: str) -> None:
    paths = [f"psa8/card{number}{between}{view}.jpg" for number in range(3) for view in views]
    groups = groups_by_name(paths)
    assert groups.keys() == set(paths)
    assert [len({groups[path] for path in paths if f"card{number}" in path}) for number in range(3)] == [1, 1, 1]
    assert len(set(groups.values())) == 3


@pytest.mark.parametrize(
    "paths",
    [
        ["a/front.jpg", "a/back.jpg"],
        ["psa8/front/001.jpg", "psa8/back/001.jpg"],
        ["full/../x/card1.jpg", "full/../x/card1_tl.jpg"],
        [f"train/card1_{side}_jpg.rf.{code}.jpg" for side, code in zip(("front", "back"), HASHES, strict=True)],
        [f"train/card1_jpg.rf.{code}.jpg" for code in HASHES],
        ["psa8/card1 (front).jpg", "psa8/card1 (back).jpg"],
    ],
)
def test_a_card_is_named_by_its_folder_or_through_an_exporters_name(paths: list[str]) -> None:
    groups = groups_by_name(paths)
    assert len(groups) == len(paths)
    assert len(set(groups.values())) == 1


@pytest.mark.parametrize(
    "paths",
    [
        ["psa8/card1_front.jpg", "psa9/card1_back.jpg"],
        ["corner_1.jpg", "corner_2.jpg", "corner_3.jpg"],
        ["scan_01.jpg", "scan_02.jpg"],
        ["card1.jpg", "card1_b.jpg"],
        ["a/card1.jpg", "a/card2.jpg"],
        ["pinback.jpg", "pinfront.jpg"],
    ],
)
def test_names_that_number_images_or_differ_in_their_folder_are_no_views_of_one_card(paths: list[str]) -> None:
    assert groups_by_name(paths) == {}


def test_a_view_is_what_stands_behind_the_card() -> None:
    assert card_and_view("Card0001_Back_TL") == ("card0001", "back_tl")
    assert card_and_view("front") == ("", "front")
    assert card_and_view("img_010") == ("img_010", "")


def crops(root: Path, *, cards: int = 6) -> Path:
    for number in range(cards):
        for place, side in enumerate(("top", "bottom", "left", "right")):
            picture(root / f"psa{8 + number % 2}/card{number}_{side}.png", 64, 48, seed=4 * number + place)
    return root


def test_edge_crops_are_class_folders_whose_cards_stay_together(tmp_path: Path) -> None:
    root = crops(tmp_path)
    assert recognise_format(root) == "folder"
    index = read_dataset(root).index
    assert index is not None
    assert (index.grades, len({image.group for image in index.images})) == ((8.0, 9.0), 6)
    split = split_dataset(index, seed=1)
    parts = [{path[:10] for path in part} for part in (split.train, split.validation, split.test)]
    assert sum(map(len, parts)) == 6


def test_one_scene_under_four_lights_is_photometric_stereo_whatever_the_lights_are_called(tmp_path: Path) -> None:
    for number in range(3):
        albedo_HW = np.kron(np.random.default_rng(number).integers(60, 200, (12, 12)), np.ones((6, 6)))
        ramp_HW = np.linspace(0.5, 1.0, 72)[None, :] * np.ones((72, 1))
        shadings = {"left": ramp_HW[:, ::-1], "right": ramp_HW, "top": ramp_HW.T[::-1], "bottom": ramp_HW.T}
        for light, shading_HW in shadings.items():
            path = tmp_path / f"cards/card{number}_{light}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray((albedo_HW * shading_HW).astype(np.uint8)).save(path)
    assert recognise_format(tmp_path) == "multi_light"
