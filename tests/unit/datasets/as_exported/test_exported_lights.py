"""Objects under many lights as their collections have them."""

from pathlib import Path

import pytest
from exported_folders import COORDINATES_PX, exported, index_of


def test_a_list_of_rti_gives_each_image_its_light(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "rti_lp"))
    assert [lit_object.name for lit_object in index.objects] == ["coin"]
    directions = [image.light.direction for image in index.images if image.light]
    assert len(directions) == 8
    assert directions[1] == pytest.approx((0.452679, 0.452679, 0.768221), abs=COORDINATES_PX)


def test_diligent_has_intensities_and_normals_of_matlab(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "diligent_mat"))
    (ball,) = index.objects
    assert ball.normals is not None
    assert ball.normals.path.endswith("Normal_gt.mat")
    assert ball.normals.unit_px == ball.normals.expected_px > 0
    assert {image.light.intensity_rgb for image in index.images if image.light} >= {(1.5, 1.5, 1.5)}


def test_an_uncalibrated_set_has_named_lights(shared_data: Path) -> None:
    index = index_of(exported(shared_data, "ps_names_txt"))
    assert [lit_object.name for lit_object in index.objects] == ["Bunny", "Sphere"]
    assert [image.light.direction for image in index.images if image.light] == [None] * 16
