"""Mirrored and turned copies of a picture are recognised by its hashes, and no split parts them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from truscore.datasets import InvalidIndex, index_from_json, index_to_json, split_dataset
from truscore.datasets.images.perceptual_hash import orientation_hashes, turned_pairs
from truscore.datasets.images.scan import scan_image
from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.datasets.limits import Limits
from truscore.datasets.splitting.grouping import groups_of

Array = np.ndarray
# Of thumbnails of 9 x 8 and 8 x 9 cells: what they become where the picture is mirrored or turned.
POSITIONS: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "mirrored": lambda wide, tall: (wide[:, ::-1], tall[:, ::-1]),
    "on its head": lambda wide, tall: (wide[::-1], tall[::-1]),
    "by 180": lambda wide, tall: (wide[::-1, ::-1], tall[::-1, ::-1]),
    "exchanged": lambda wide, tall: (tall.T, wide.T),
    "exchanged, mirrored": lambda wide, tall: (tall.T[:, ::-1], wide.T[:, ::-1]),
    "exchanged, on its head": lambda wide, tall: (tall.T[::-1], wide.T[::-1]),
    "exchanged, by 180": lambda wide, tall: (tall.T[::-1, ::-1], wide.T[::-1, ::-1]),
}
TURNS = tuple(Image.Transpose)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(4, 255), st.sampled_from(sorted(POSITIONS)))
def test_the_hashes_of_a_picture_give_those_of_its_other_orientations(seed: int, levels: int, position: str) -> None:
    random = np.random.default_rng(seed)
    # Few levels leave many neighbours equal, as even grounds do.
    wide, tall = (random.integers(0, levels, size=size).astype(np.uint8) for size in ((8, 9), (9, 8)))
    prints = [orientation_hashes(wide, tall), orientation_hashes(*POSITIONS[position](wide, tall))]
    assert turned_pairs(prints, bits=0) == [(0, 1), (1, 0)]


def test_pictures_without_prints_and_plain_ones_are_nobodys_copies() -> None:
    plain = orientation_hashes(np.zeros((8, 9), dtype=np.uint8), np.zeros((9, 8), dtype=np.uint8))
    assert turned_pairs([], bits=6) == turned_pairs(["", "", plain, plain], bits=6) == []


def painted(seed: int) -> Image.Image:
    """Soft patches of grey on a black ground."""
    random = np.random.default_rng(seed)
    patches = Image.fromarray(random.integers(0, 256, size=(9, 7), dtype=np.uint8)).resize((140, 180))
    ground = Image.new("L", (211, 239))
    ground.paste(patches, (int(random.integers(10, 60)), int(random.integers(10, 50))))
    return ground


def record(folder: Path, name: str, picture: Image.Image) -> ImageRecord:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=80)
    (folder / name).write_bytes(content.getvalue())
    found = scan_image(folder, name, limits=Limits()).record
    assert found is not None
    return found


@pytest.fixture
def images(tmp_path: Path) -> list[ImageRecord]:
    """Twelve pictures, and of the first seven a copy each, in another position, compressed again."""
    pictures = [painted(number) for number in range(12)]
    kept = [record(tmp_path, f"{number:02}.jpg", picture) for number, picture in enumerate(pictures)]
    copies = zip(TURNS, pictures, strict=False)
    return kept + [
        record(tmp_path, f"copy{n}.jpg", picture.transpose(turn)) for n, (turn, picture) in enumerate(copies)
    ]


def test_a_turned_copy_is_in_the_group_of_its_original_and_no_other_is(images: list[ImageRecord]) -> None:
    assert len(TURNS) == 7
    assert groups_of(images) == [*([place, 12 + place] for place in range(7)), *([place] for place in range(7, 12))]
    assert len(groups_of(images, near=False)) == len(images)


@pytest.mark.parametrize("seed", range(5))
def test_no_split_parts_a_turned_copy_from_its_original(seed: int, images: list[ImageRecord]) -> None:
    split = split_dataset(DatasetIndex(format="coco", class_names=(), images=tuple(images)), seed=seed)
    for part in (split.train, split.validation, split.test):
        assert {f"copy{place}.jpg" for place in range(7) if f"{place:02}.jpg" in part} == {
            path for path in part if path.startswith("copy")
        }


def test_prints_come_back_from_an_index_and_wrong_ones_do_not(images: list[ImageRecord]) -> None:
    index = DatasetIndex(format="coco", class_names=(), images=tuple(images))
    text = index_to_json(index)
    assert [one.orientation_hashes for one in index_from_json(text).images] == [
        one.orientation_hashes for one in sorted(images, key=lambda image: image.path)
    ]
    for wrong in ("abc", "g" * 64, "0" * 63):
        with pytest.raises(InvalidIndex, match="64 hexadecimal"):
            index_from_json(text.replace(images[0].orientation_hashes, wrong))


def test_a_print_begins_with_the_hash_of_the_picture_as_it_is(images: list[ImageRecord]) -> None:
    assert all(image.orientation_hashes.startswith(image.perceptual_hash) and image.perceptual_hash for image in images)
