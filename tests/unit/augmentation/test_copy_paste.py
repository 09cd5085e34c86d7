"""Instances of one image pasted onto another: whose pixels are seen, and what is left of what they hide.

Legend: C channels, H, W sides, N instances.
"""

from collections import Counter
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import masks_to_boxes
from truscore.augmentation import GREY, Policy, Sample
from truscore.augmentation.copy_paste import CopyPaste, Pasted, can_be_pasted, paste
from truscore.datasets import RLE, Annotation, ImageRecord

HEIGHT, WIDTH = 24, 32
ALWAYS = Policy(copy_paste=1.0)
HALF = Policy(copy_paste=0.5)
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom
rectangles = st.lists(
    st.tuples(st.integers(0, WIDTH - 4), st.integers(0, HEIGHT - 4), st.integers(2, 20), st.integers(2, 20)).map(
        lambda it: (it[0], it[1], min(it[0] + it[2], WIDTH), min(it[1] + it[3], HEIGHT))
    ),
    max_size=4,
)


def sample(marked: Sequence[Rectangle], *, level: int, height: int = HEIGHT, width: int = WIDTH) -> Sample:
    """An image of one level with instances that are rectangles, labelled from 1 on."""
    masks_NHW = torch.zeros(len(marked), height, width, dtype=torch.uint8)
    for mask_HW, (left, top, right, bottom) in zip(masks_NHW, marked, strict=True):
        mask_HW[top:bottom, left:right] = 1
    return Sample(
        image_CHW=torch.full((3, height, width), level, dtype=torch.uint8),
        boxes_N4=torch.tensor(marked, dtype=torch.float32).reshape(-1, 4),
        labels_N=torch.arange(1, len(marked) + 1),
        masks_NHW=masks_NHW,
    )


def outlined(label: int, rectangle: Rectangle = (4, 4, 12, 10)) -> Annotation:
    left, top, right, bottom = rectangle
    corners = (left, top, right, top, right, bottom, left, bottom)
    return Annotation(label=label, box_xywh=(left, top, right - left, bottom - top), polygons=(corners,))


def record(*annotations: Annotation) -> ImageRecord:
    return ImageRecord(
        path="card.png", sha256="0" * 64, size_bytes=1, width=WIDTH, height=HEIGHT, annotations=annotations
    )


def all_pasted(pasting: CopyPaste, *, images: int, epochs: int) -> list[Pasted | None]:
    return [pasting.drawn(epoch=epoch, index=index) for epoch in range(1, epochs + 1) for index in range(images)]


@given(below=rectangles, above=rectangles)
@settings(deadline=None)
def test_every_pixel_is_of_the_uppermost_instance_and_in_no_mask_below_it(
    below: list[Rectangle], above: list[Rectangle]
) -> None:
    source, onto = sample(above, level=200), sample(below, level=50)
    pasted = paste(source, onto)
    hidden_HW = (source.masks > 0).any(dim=0)
    assert torch.equal(pasted.image_CHW[:, hidden_HW].unique(), torch.tensor([200][: int(hidden_HW.any())]).byte())
    assert torch.equal(pasted.image_CHW[:, ~hidden_HW].unique(), torch.tensor([50][: int((~hidden_HW).any())]).byte())
    left_NHW = onto.masks * ~hidden_HW
    seen_N = (left_NHW > 0).flatten(1).any(dim=1) if below else torch.zeros(0, dtype=torch.bool)
    assert torch.equal(pasted.masks, torch.cat([left_NHW[seen_N], source.masks]))
    assert pasted.labels_N.tolist() == [*onto.labels_N[seen_N].tolist(), *source.labels_N.tolist()]


@given(below=rectangles, above=rectangles)
@settings(deadline=None)
def test_boxes_hold_what_is_left_of_their_instances_to_a_pixel(below: list[Rectangle], above: list[Rectangle]) -> None:
    pasted = paste(sample(above, level=200), sample(below, level=50))
    if len(pasted.masks):
        around_N4 = masks_to_boxes(pasted.masks) + torch.tensor([0, 0, 1, 1])
        assert (pasted.boxes_N4 - around_N4).abs().max() <= 1


def test_what_is_hidden_wholly_is_gone_and_what_is_hidden_by_half_is_half_as_wide() -> None:
    pasted = paste(sample([(10, 2, 30, 22)], level=200), sample([(12, 5, 20, 15), (0, 4, 20, 14)], level=50))
    assert pasted.labels_N.tolist() == [2, 1]
    assert pasted.boxes_N4.tolist() == [[0, 4, 10, 14], [10, 2, 30, 22]]


def test_an_image_of_another_size_lies_centre_over_centre_and_what_is_beyond_is_cut_off() -> None:
    wide = sample([(0, 4, 12, 10), (20, 0, 30, 4)], level=200, height=10, width=40)
    pasted = paste(wide, sample([], level=50, height=20, width=20))
    assert pasted.boxes_N4.tolist() == [[0, 9, 2, 15], [10, 5, 20, 9]]
    assert pasted.masks.flatten(1).sum(dim=1).tolist() == [12, 40]
    assert pasted.image_CHW[0, 9:15, :2].eq(200).all()
    gone = paste(sample([(0, 4, 8, 10)], level=200, height=10, width=40), sample([], level=50, height=20, width=20))
    assert not len(gone.labels_N)
    assert gone.image_CHW.eq(50).all()


def test_half_the_images_get_instances_of_another_one_and_none_gets_its_own() -> None:
    pasting = CopyPaste([record(outlined(1)) for _ in range(10)], policy=HALF, seed=1)
    drawn = all_pasted(pasting, images=10, epochs=40)
    # One in ten draws is of the image itself, which then stays as it is.
    assert 150 < sum(pasted is not None for pasted in drawn) < 210
    assert all(pasted is None or pasted.place != number % 10 for number, pasted in enumerate(drawn))


def test_a_class_that_one_image_shows_is_pasted_as_often_as_one_that_all_others_show() -> None:
    records = [record(outlined(2)), *(record(outlined(1)) for _ in range(19)), record()]
    drawn = all_pasted(CopyPaste(records, policy=ALWAYS, seed=2), images=21, epochs=20)
    rare = Counter(pasted.place == 0 for pasted in drawn if pasted is not None)
    assert 0.4 < rare[True] / rare.total() < 0.6
    assert all(pasted.place != 20 for pasted in drawn if pasted is not None)


def test_of_several_instances_some_are_pasted_and_one_at_least() -> None:
    records = [record(), record(*(outlined(1) for _ in range(4)))]
    drawn = all_pasted(CopyPaste(records, policy=ALWAYS, seed=3), images=1, epochs=200)
    counts = Counter(len(pasted.annotations) for pasted in drawn if pasted is not None)
    assert set(counts) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("annotation", "accepted"),
    [
        (outlined(1), True),
        (Annotation(label=1, box_xywh=(0, 0, 2, 2), rle=RLE(height=2, width=2, counts=(0, 4))), True),
        (Annotation(label=1, box_xywh=(0, 0, 2, 2), shape="linestrip", points=(0, 0, 2, 2)), True),
        (Annotation(label=1, box_xywh=(0, 0, 2, 2)), False),
        (Annotation(label=1, box_xywh=(0, 0, 2, 2), shape="point", points=(1, 1)), False),
        (Annotation(label=1, box_xywh=(0, 0, 2, 2), shape="key_points", points=(1, 1)), False),
        (Annotation(label=1, box_xywh=(0, 0, 2, 2), polygons=((0, 0, 2, 0, 2, 2),), crowd=True), False),
    ],
)
def test_only_what_has_an_outline_is_pasted(annotation: Annotation, *, accepted: bool) -> None:
    assert can_be_pasted(annotation) is accepted
    drawn = all_pasted(CopyPaste([record(), record(annotation)], policy=ALWAYS, seed=4), images=1, epochs=10)
    assert any(pasted is not None for pasted in drawn) is accepted


def test_an_epoch_s_image_is_the_same_whoever_makes_it_and_another_in_the_next() -> None:
    records = [record(), *(record(outlined(1), outlined(2, (14, 8, 30, 20))) for _ in range(5))]
    samples = [sample([], level=50), *(sample([(4, 4, 12, 10), (14, 8, 30, 20)], level=60 + 20 * n) for n in range(5))]

    def made(epoch: int) -> Sample:
        pasting = CopyPaste(records, policy=Policy(copy_paste=1.0, angle_deg=10.0, brightness=0.2), seed=5)
        return pasting.onto(samples[0], epoch=epoch, index=0, load=samples.__getitem__)

    assert torch.equal(made(1).image_CHW, made(1).image_CHW)
    assert torch.equal(made(1).masks, made(1).masks)
    assert not torch.equal(made(1).image_CHW, made(2).image_CHW)


def test_what_is_pasted_is_changed_as_its_own_seed_says_and_brings_no_grey_along() -> None:
    shifted = Policy(copy_paste=1.0, shift=0.1, scale=0.2, angle_deg=10.0)
    records = [record(), record(outlined(1, (4, 4, 28, 20)))]
    source = sample([(4, 4, 28, 20)], level=200)
    seen = set()
    for epoch in range(1, 30):
        pasting = CopyPaste(records, policy=shifted, seed=6)
        pasted = pasting.onto(
            sample([], level=50), epoch=epoch, index=0, load=[sample([], level=50), source].__getitem__
        )
        inside_CP = pasted.image_CHW[:, (pasted.masks > 0).any(dim=0)]
        assert pasted.image_CHW[:, ~(pasted.masks > 0).any(dim=0)].eq(50).all()
        assert inside_CP.eq(200).float().mean() > 0.99, f"of grey {GREY} there are {inside_CP.unique().tolist()}"
        seen.add(tuple(pasted.boxes_N4[0].tolist()))
    assert len(seen) > 20


def test_a_policy_without_it_pastes_nothing() -> None:
    pasting = CopyPaste([record(outlined(1)) for _ in range(3)], policy=Policy(), seed=7)
    one = sample([], level=50)
    assert pasting.onto(one, epoch=1, index=0, load=[one].__getitem__) is one
