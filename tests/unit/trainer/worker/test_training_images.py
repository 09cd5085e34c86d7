"""Images and instances on their way to the network: scaled, cached, augmented."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from truscore.augmentation import Sample, augment, policy_for
from truscore.datasets import RLE, Annotation, ImageRecord, UnreadableImage

from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.instance_images import InstanceImages
from services.trainer.worker.tasks.instance_segmentation import strips_of_a_border

WIDTH, HEIGHT = 120, 90
POLICY = policy_for("border_detection", "dual_class")


def record(path: str, *annotations: Annotation, width: int = WIDTH, height: int = HEIGHT) -> ImageRecord:
    return ImageRecord(
        path=path, sha256="0" * 64, size_bytes=1, width=width, height=height, annotations=annotations
    )  # fmt: skip


def square(label: int, left: float, top: float, right: float, bottom: float) -> Annotation:
    return Annotation(
        label=label,
        box_xywh=(left, top, right - left, bottom - top),
        polygons=((left, top, right, top, right, bottom, left, bottom),),
    )


def run_length(
    mask_HW: NDArray[np.bool_], box: tuple[float, float, float, float], *, crowd: bool = False
) -> Annotation:
    flat = mask_HW.T.reshape(-1)
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flat]).astype(np.int8)))
    counts = np.diff(np.concatenate([[0], changes, [len(flat)]]))
    rle = RLE(height=mask_HW.shape[0], width=mask_HW.shape[1], counts=tuple(int(count) for count in counts))
    return Annotation(label=1, box_xywh=box, rle=rle)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A white rectangle on black, from (30, 20) to (90, 70)."""
    image_HWC = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image_HWC[20:70, 30:90] = 255
    Image.fromarray(image_HWC).save(tmp_path / "card.png")
    return tmp_path


def images(
    folder: Path, *records: ImageRecord, image_size: int = 60, cache_limit_bytes: int = 1 << 20
) -> InstanceImages:
    return InstanceImages(
        records, folder=folder, image_size=image_size, seed=3, policy=POLICY, cache_limit_bytes=cache_limit_bytes
    )


def as_is(split: InstanceImages) -> Sample:
    return split[Key(epoch=0, index=0)]


def test_pixels_boxes_and_masks_are_scaled_together(folder: Path) -> None:
    sample = as_is(images(folder, record("card.png", square(2, 30, 20, 90, 70))))
    assert sample.image_CHW.shape == (3, 45, 60)
    assert sample.image_CHW.dtype == torch.uint8
    assert sample.boxes_N4.tolist() == [[15, 10, 45, 35]]
    assert sample.labels_N.tolist() == [2]
    assert sample.masks.shape == (1, 45, 60)
    bright_HW = sample.image_CHW[0] > 127
    assert torch.equal(sample.masks[0] > 0, bright_HW)


def test_run_lengths_and_bare_boxes_become_masks_and_outlines_too(folder: Path) -> None:
    mask_HW = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    mask_HW[20:70, 30:90] = True
    bare = Annotation(label=1, box_xywh=(30, 20, 60, 50))
    sample = as_is(images(folder, record("card.png", run_length(mask_HW, bare.box_xywh), bare)))
    assert torch.equal(sample.masks[0], sample.masks[1])
    for instance in range(2):
        points_P2 = sample.outline_P2[sample.owner_P == instance]
        assert points_P2.amin(dim=0).tolist() == [15, 10]
        assert points_P2.amax(dim=0).tolist() == [45, 35]


def test_a_line_is_scaled_with_its_image(folder: Path) -> None:
    line = Annotation(label=1, box_xywh=(30, 20, 60, 50), shape="line", points=(30.0, 20.0, 90.0, 70.0))
    sample = as_is(images(folder, record("card.png", line), image_size=WIDTH // 2))
    rows, columns = sample.masks_NHW[0].nonzero(as_tuple=True)
    assert (int(rows.min()), int(rows.max())) == (10, 35)
    assert (int(columns.min()), int(columns.max())) == (15, 45)


def test_crowds_are_evaluated_but_not_trained_on(folder: Path) -> None:
    crowd = replace(square(1, 0, 0, 120, 90), crowd=True)
    split = images(folder, record("card.png", crowd, square(2, 30, 20, 90, 70)))
    for epoch in (0, 1):
        assert split[Key(epoch=epoch, index=0)].labels_N.tolist() == [2]
    assert split.loaded(0).crowd_N.tolist() == [True, False]


def test_what_is_too_small_to_see_is_not_trained_on(folder: Path) -> None:
    assert len(as_is(images(folder, record("card.png", square(1, 30, 20, 31, 21)))).labels_N) == 0


def test_an_image_with_nothing_marked_is_a_sample(folder: Path) -> None:
    split = images(folder, record("card.png"))
    for epoch in (0, 1):
        sample = split[Key(epoch=epoch, index=0)]
        assert (sample.boxes_N4.shape, sample.masks.shape) == ((0, 4), (0, 45, 60))


def test_images_are_decoded_once_while_there_is_room(folder: Path) -> None:
    split = images(folder, record("card.png", square(1, 30, 20, 90, 70)))
    first = split.loaded(0)
    (folder / "card.png").unlink()
    assert split.loaded(0) is first


def test_without_room_images_are_decoded_again(folder: Path) -> None:
    split = images(folder, record("card.png"), cache_limit_bytes=100)
    assert split.loaded(0) is not split.loaded(0)
    (folder / "card.png").unlink()
    with pytest.raises(FileNotFoundError):
        split.loaded(0)


def test_the_cache_stays_within_its_bound_when_warmed(folder: Path) -> None:
    records = []
    for number in range(6):
        (folder / f"{number}.png").write_bytes((folder / "card.png").read_bytes())
        records.append(record(f"{number}.png"))
    room = 2 * images(folder, *records).loaded(0).size_bytes
    split = images(folder, *records, cache_limit_bytes=room)
    split.warm(threads=2)
    for number in range(6):
        (folder / f"{number}.png").unlink()
    kept = [number for number in range(6) if _is_kept(split, number)]
    assert kept == [0, 1]


def _is_kept(split: InstanceImages, number: int) -> bool:
    try:
        split.loaded(number)
    except FileNotFoundError:
        return False
    return True


def test_an_image_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    with pytest.raises(UnreadableImage, match=r"torn\.jpg"):
        as_is(images(folder, record("torn.jpg")))


def test_the_same_key_gives_the_same_sample_and_another_epoch_another(folder: Path) -> None:
    split = images(folder, record("card.png", square(1, 30, 20, 90, 70)))
    once, again = (split[Key(epoch=4, index=0)] for _ in range(2))
    assert torch.equal(once.image_CHW, again.image_CHW)
    assert torch.equal(once.boxes_N4, again.boxes_N4)
    assert not torch.equal(once.image_CHW, split[Key(epoch=5, index=0)].image_CHW)


def test_augmenting_draws_on_no_generator_of_the_run(folder: Path) -> None:
    sample = as_is(images(folder, record("card.png", square(1, 30, 20, 90, 70))))
    before = torch.get_rng_state()
    augment(sample, policy=POLICY, seed=1, epoch=2, index=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_augmenting_leaves_the_kept_sample_alone(folder: Path) -> None:
    split = images(folder, record("card.png", square(1, 30, 20, 90, 70)))
    before = as_is(split).image_CHW.clone()
    for epoch in range(1, 6):
        split[Key(epoch=epoch, index=0)]
    assert torch.equal(as_is(split).image_CHW, before)


def test_of_a_small_set_many_strips_are_cut_of_each_border_and_of_a_large_one_at_least_one() -> None:
    one = record("card.png", square(1, 10, 10, 100, 80), square(2, 20, 20, 90, 70))
    assert [strips_of_a_border([one] * images) for images in (0, 1, 26, 64, 5000)] == [12, 12, 8, 3, 1]
