"""One picture out of the views of an object: print leaves the maps, a dent stays, and labels come along."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from truscore.datasets import DatasetIndex, load_image, read_dataset
from truscore.photometric_stereo import InvalidViews, UnknownLamps
from truscore.photometric_stereo.view_channels import UnknownChannels, read_channels, view_channels
from truscore.photometric_stereo.view_dataset import write_view_pictures
from truscore.synthesis.lit.relief import bell, grid

SIDE = 96
X, Y = grid(SIDE, SIDE)
DENT = bell(X, Y, at=(8, -5), radii=(9, 9), turn=0).scaled(-2.0)
SIDES = {"right": (1, 0), "left": (-1, 0), "top": (0, 1), "bottom": (0, -1)}
PRINT = np.where(np.sin(X / 3) > 0, 0.9, 0.5)
RELIEF = ("grey", "lamp_deviation", "curvature")
SLOPE = ("slope", "slope", "slope")


def card(folder: Path, lamps: tuple[str, ...] = tuple(SIDES)) -> DatasetIndex:
    """Views of a card with stripes and a dent, a file for each named lamp."""
    home = folder / "mays_1"
    home.mkdir(parents=True)
    for lamp in lamps:
        towards_3 = np.array([*SIDES[lamp], 1]) / np.sqrt(2)
        shade_HW = 250 * PRINT * np.clip(DENT.normals() @ towards_3, 0, None)
        cv2.imwrite(str(home / f"mays_1_{lamp}.png"), np.repeat(np.round(shade_HW)[..., None], 3, axis=2))
    index = read_dataset(folder).index
    assert index is not None
    return index


def labelled(folder: Path, *, side: int = SIDE) -> DatasetIndex:
    """A LabelMe file of the card's dent."""
    folder.mkdir()
    cv2.imwrite(str(folder / "Mays_1.png"), np.full((side, side, 3), 90, np.uint8))
    corners = [[48, 45], [64, 45], [64, 61], [48, 61]]
    shape = {"label": "dent", "points": corners, "shape_type": "polygon"}
    about = {"imagePath": "Mays_1.png", "imageData": None, "imageHeight": side, "imageWidth": side}
    file: dict[str, Any] = {"version": "5.2.1", "flags": {}, "shapes": [shape], **about}
    (folder / "Mays_1.json").write_text(json.dumps(file))
    index = read_dataset(folder).index
    assert index is not None
    return index


@pytest.mark.parametrize("channel", [1, 2])
def test_a_dent_shows_in_the_maps_and_print_does_not(channel: int, tmp_path: Path) -> None:
    views = card(tmp_path / "views")
    write_view_pictures(tmp_path / "views", views, tmp_path / "made", channels=view_channels(RELIEF))
    picture_HW3 = load_image(tmp_path / "made/mays_1.png")
    rim_HW = np.abs(DENT.along_x) + np.abs(DENT.along_y) > 0.1
    far_HW = np.hypot(X - 8, Y + 5) > 35
    assert picture_HW3[rim_HW][:, channel].mean() > 5 * picture_HW3[far_HW][:, channel].mean()
    # Print is what grey shows.
    assert picture_HW3[far_HW][:, 0].std() > 20


def test_a_pixel_means_the_same_on_every_card(tmp_path: Path) -> None:
    """Bytes follow from the value and `most` alone: nothing is spread by what else is in the picture."""
    views = card(tmp_path / "views")
    for name, factor in (("once", 1.0), ("twice", 2.0)):
        channels = view_channels(SLOPE)
        channels = replace(channels, most=tuple(factor * most for most in channels.most))
        write_view_pictures(tmp_path / "views", views, tmp_path / name, channels=channels)
        assert read_channels(tmp_path / name) == channels
    once_HW, twice_HW = (load_image(tmp_path / name / "mays_1.png")[..., 0].astype(int) for name in ("once", "twice"))
    unclipped_HW = once_HW < 255
    assert np.abs(once_HW - 2 * twice_HW)[unclipped_HW].max() <= 2


def test_labels_come_along_and_the_folder_is_a_dataset(tmp_path: Path) -> None:
    views, labels = card(tmp_path / "views"), labelled(tmp_path / "labels")
    made = tmp_path / "made"
    written = write_view_pictures(
        tmp_path / "views", views, made, channels=view_channels(RELIEF), labels=labels
    )  # fmt: skip
    assert (written.paths, written.without_labels) == (("mays_1.png",), ())
    found = read_dataset(made)
    assert found.index is not None
    assert found.problems == ()
    [image] = found.index.images
    assert (image.path, found.index.class_names, len(image.annotations)) == ("mays_1.png", ("dent",), 1)
    assert image.annotations[0].box_xywh == pytest.approx((48, 45, 16, 16))


def test_labels_of_another_size_or_name_are_refused(tmp_path: Path) -> None:
    views, channels = card(tmp_path / "views"), view_channels(RELIEF)
    larger = labelled(tmp_path / "larger", side=120)
    with pytest.raises(InvalidViews, match="120 x 120 px, its views 96 x 96"):
        write_view_pictures(tmp_path / "views", views, tmp_path / "made", channels=channels, labels=larger)
    stranger = replace(larger, images=(replace(larger.images[0], path="Aaron_1.png"),))
    with pytest.raises(InvalidViews, match="called like a labelled image"):
        write_view_pictures(tmp_path / "views", views, tmp_path / "made", channels=channels, labels=stranger)


def test_three_lamps_have_a_deviation_and_no_slopes(tmp_path: Path) -> None:
    views = card(tmp_path / "views", ("right", "left", "top"))
    channels = view_channels(("red", "lamp_deviation", "blue"))
    write_view_pictures(tmp_path / "views", views, tmp_path / "made", channels=channels)
    with pytest.raises(UnknownLamps):
        write_view_pictures(tmp_path / "views", views, tmp_path / "other", channels=view_channels(RELIEF))


@pytest.mark.parametrize("names", [(), ("grey", "slope"), ("grey", "slope", "depth")])
def test_channels_that_are_none_are_named(names: tuple[str, ...]) -> None:
    with pytest.raises(UnknownChannels, match="accepted are three of red, green"):
        view_channels(names)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": "other/1", "channels": []}', '{"schema": "truscore.view-channels/1", "channels": []}',
     '{"schema": "truscore.view-channels/1", "channels": [{"map": "grey", "most": 0}]}'],
)  # fmt: skip
def test_a_file_of_channels_that_cannot_be_used_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "view_channels.json").write_text(text)
    with pytest.raises(UnknownChannels):
        read_channels(tmp_path)
