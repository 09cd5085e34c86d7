"""Windows of native pixels: where they lie, what they show, and that nothing but seed, epoch and place decides it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from PIL import Image
from truscore.datasets import Annotation, ImageRecord
from truscore.zoo.framing import IGNORED

from services.trainer.worker.data import Share, training_steps
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.framed_images import FramedSample
from services.trainer.worker.tasks.windows import (
    MOST_OFF_CENTRE,
    Picture,
    WindowedImages,
    chosen,
    images_by_label,
    place,
    window,
)

SIDE = 32


def record(path: str, *labels: int, width: int = 100, height: int = 60) -> ImageRecord:
    marks = tuple(Annotation(label=label, box_xywh=(70.0 + 8 * label, 40.0, 2.0, 3.0)) for label in labels)
    return ImageRecord(path=path, sha256="", size_bytes=0, width=width, height=height, annotations=marks)


# One mark of the rare class among twenty of the common one, and flawless images.
RECORDS = (record("a.png", 2), *(record(f"b{place}.png", 1) for place in range(20)), record("c.png"), record("d.png"))


@pytest.fixture
def images(tmp_path: Path) -> WindowedImages:
    generator = np.random.default_rng(0)
    for one in RECORDS:
        pixels = generator.integers(0, 255, (one.height, one.width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / one.path)
    return made(tmp_path)


def made(folder: Path, *, cache_limit_bytes: int = 1 << 20) -> WindowedImages:
    return WindowedImages(
        RECORDS, folder=folder, side=SIDE, seed=3, augment=lambda sample, epoch, index: sample,
        cache_limit_bytes=cache_limit_bytes,
    )  # fmt: skip


def same(one: FramedSample | Picture, other: FramedSample | Picture) -> bool:
    assert isinstance(one, FramedSample)
    assert isinstance(other, FramedSample)
    assert one.labels_SS is not None
    assert other.labels_SS is not None
    return torch.equal(one.image_CSS, other.image_CSS) and torch.equal(one.labels_SS, other.labels_SS)


def test_three_quarters_are_of_a_mark_and_each_class_is_as_frequent() -> None:
    images_of = images_by_label(RECORDS)
    labels = Counter(chosen(images_of, len(RECORDS), default_rng(number)).label for number in range(2000))
    assert labels[0] == pytest.approx(500, abs=60)
    assert labels[1] == pytest.approx(750, abs=70)
    assert labels[2] == pytest.approx(750, abs=70)
    assert {chosen(images_of, len(RECORDS), default_rng(number)).index for number in range(500)} == set(range(23))


def test_a_set_without_marks_gives_windows_of_anywhere() -> None:
    assert chosen(images_by_label(RECORDS[-2:]), 2, default_rng(0)).label == 0


def test_a_window_of_a_mark_has_a_pixel_of_it_near_its_middle() -> None:
    labels_HW = np.zeros((400, 500), dtype=np.uint8)
    labels_HW[200:202, 100:300] = 1
    for seed in range(50):
        top, left = place(labels_HW, 1, side=SIDE, generator=default_rng(seed))
        rows, columns = np.nonzero(labels_HW[top : top + SIDE, left : left + SIDE])
        reach = MOST_OFF_CENTRE * SIDE + 1
        assert np.abs(rows - SIDE / 2).min() <= reach
        assert np.abs(columns - SIDE / 2).min() <= reach


def test_windows_lie_within_the_picture_and_reach_its_corners() -> None:
    labels_HW = np.zeros((40, 36), dtype=np.uint8)
    places = {place(labels_HW, 0, side=SIDE, generator=default_rng(seed)) for seed in range(400)}
    assert places == {(top, left) for top in range(9) for left in range(5)}
    labels_HW[0, 0] = 1
    assert place(labels_HW, 1, side=SIDE, generator=default_rng(0)) == (0, 0)


def test_a_window_shows_the_pictures_own_pixels_and_nothing_is_known_beyond_them() -> None:
    image_CHW = torch.randint(0, 255, (3, 20, 50), dtype=torch.uint8)
    labels_HW = np.full((20, 50), 1, dtype=np.uint8)
    sample = window(Picture(index=0, image_CHW=image_CHW, labels_HW=labels_HW), 0, 10, side=SIDE)
    assert sample.labels_SS is not None
    assert torch.equal(sample.image_CSS[:, :20], image_CHW[:, :, 10:42])
    assert (sample.labels_SS[:20] == 1).all()
    assert (sample.labels_SS[20:] == IGNORED).all()
    assert (sample.image_CSS[:, 20:] == 114).all()


def test_a_window_follows_from_seed_epoch_and_place_alone(images: WindowedImages, tmp_path: Path) -> None:
    keys = [Key(epoch=epoch, index=index) for epoch in (1, 2) for index in range(6)]
    forward = {key: images[key] for key in keys}
    # Another process, in another order, with nothing kept: as a worker of a resumed run.
    other = made(tmp_path, cache_limit_bytes=0)
    assert all(same(other[key], forward[key]) for key in reversed(keys))
    assert not any(same(forward[Key(epoch=1, index=index)], forward[Key(epoch=2, index=index)]) for index in range(6))


def test_two_processes_share_the_windows_of_one() -> None:
    def keys(world_size: int) -> set[Key]:
        return {
            key
            for rank in range(world_size)
            for step in training_steps(
                len(RECORDS) + 1, batch_size=2, accumulate=1, seed=0, epoch=1,
                share=Share(rank=rank, world_size=world_size),
            )
            for batch in step
            for key in batch
        }  # fmt: skip

    assert keys(1) == keys(2) == keys(3)


def test_evaluation_gets_the_whole_picture(images: WindowedImages) -> None:
    picture = images[Key(epoch=0, index=0)]
    assert isinstance(picture, Picture)
    assert picture.image_CHW.shape == (3, 60, 100)
    assert (picture.labels_HW == 2).sum() == 6
