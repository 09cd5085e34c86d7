"""Pixels, masks, dense labels, outlines and boxes move together.

Legend: C channels, H, W sides, N instances, P points of their outlines.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.ops import masks_to_boxes
from truscore.augmentation import GREY, IGNORED, Change, Policy, Sample, apply, augment, corners_of, drawn, policy_for

HEIGHT, WIDTH = 90, 110
BORDERS = policy_for("border_detection", "dual_class")
GENTLE = settings(max_examples=30, deadline=None)
WILD = Policy(
    flip_horizontal=0.5,
    flip_vertical=0.5,
    quarter_turns=0.7,
    angle_deg=30.0,
    scale=0.3,
    shift=0.15,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    hue=0.1,
    blur=0.5,
    noise=0.5,
    jpeg=0.5,
)
triangles = st.lists(
    st.tuples(st.integers(25, 85), st.integers(15, 75)), min_size=3, max_size=3, unique=True
).filter(lambda points: _area(points) > 150)  # fmt: skip
sides = st.tuples(st.integers(8, 40), st.integers(8, 40))


def _area(points: list[tuple[int, int]]) -> float:
    (ax, ay), (bx, by), (cx, cy) = points
    return abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2


def rasterised(points_P2: Tensor, height: int, width: int) -> Tensor:
    """[H, W] uint8, drawn at four times the size: a pixel is in where its middle is."""
    large = Image.new("L", (4 * width, 4 * height))
    ImageDraw.Draw(large).polygon([(4 * x, 4 * y) for x, y in points_P2.tolist()], fill=1)
    return torch.from_numpy(np.array(large)[2::4, 2::4].copy())


def triangle(points: list[tuple[int, int]]) -> Sample:
    outline_P2 = torch.tensor(points, dtype=torch.float32)
    mask_HW = rasterised(outline_P2, HEIGHT, WIDTH)
    return Sample(
        image_CHW=(mask_HW * 255).expand(3, -1, -1).contiguous(),
        boxes_N4=torch.cat([outline_P2.amin(dim=0), outline_P2.amax(dim=0)])[None],
        labels_N=torch.tensor([1]),
        masks_NHW=mask_HW[None],
        outline_P2=outline_P2,
        owner_P=torch.zeros(3, dtype=torch.int64),
        labels_HW=mask_HW.long(),
    )


def noisy(height: int, width: int) -> Sample:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    image_CHW = torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)
    boxes_N4 = torch.tensor([[1.0, 2.0, 6.0, 5.0]])
    outline_P2, owner_P = corners_of(boxes_N4)
    return Sample(
        image_CHW=image_CHW,
        boxes_N4=boxes_N4,
        labels_N=torch.tensor([3]),
        masks_NHW=(image_CHW[:1] > 127).to(torch.uint8),
        outline_P2=outline_P2,
        owner_P=owner_P,
        labels_HW=image_CHW[1].long(),
        targets={"grade": torch.tensor(7)},
    )


def same(one: Sample, other: Sample) -> bool:
    parts = ("image_CHW", "boxes_N4", "labels_N", "masks_NHW", "outline_P2", "owner_P", "labels_HW")
    return all(torch.equal(getattr(one, part), getattr(other, part)) for part in parts)


def distance(point_2: Tensor, outline_P2: Tensor) -> float:
    """From a point to the nearest side of a polygon, pixels."""
    along_P2 = outline_P2.roll(-1, dims=0) - outline_P2
    share_P = ((point_2 - outline_P2) * along_P2).sum(dim=1) / along_P2.square().sum(dim=1)
    nearest_P2 = outline_P2 + share_P.clamp(0, 1)[:, None] * along_P2
    return float((point_2 - nearest_P2).norm(dim=1).min())


def unlit(policy: Policy) -> Policy:
    """Light would hide the edge between what is white and what is beyond the image."""
    return replace(policy, brightness=0, contrast=0, saturation=0, hue=0, blur=0, noise=0, jpeg=0)


@GENTLE
@given(sides, st.booleans())
def test_a_flip_is_undone_by_the_same_flip(size: tuple[int, int], upright: bool) -> None:
    sample = noisy(*size)
    flip = Change(flip_vertical=True) if upright else Change(flip_horizontal=True)
    assert not same(apply(flip, sample), sample)
    assert same(apply(flip, apply(flip, sample)), sample)


@GENTLE
@given(sides)
def test_four_quarter_turns_change_nothing(size: tuple[int, int]) -> None:
    sample = turned = noisy(*size)
    for _ in range(4):
        turned = apply(Change(quarter_turns=1), turned)
    assert same(turned, sample)
    assert apply(Change(quarter_turns=1), sample).image_CHW.shape[-2:] == size[::-1]


@GENTLE
@given(sides)
def test_two_quarter_turns_are_both_flips(size: tuple[int, int]) -> None:
    sample = noisy(*size)
    flipped = apply(Change(flip_horizontal=True, flip_vertical=True), sample)
    turned = apply(Change(quarter_turns=2), sample)
    assert torch.equal(turned.image_CHW, flipped.image_CHW)
    assert torch.equal(turned.boxes_N4, flipped.boxes_N4)


def test_a_quarter_turn_is_clockwise() -> None:
    image_CHW = torch.zeros(3, 4, 6, dtype=torch.uint8)
    image_CHW[:, 0, 0] = 255
    boxes_N4 = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    turned = apply(Change(quarter_turns=1), Sample(image_CHW=image_CHW, boxes_N4=boxes_N4, labels_N=torch.tensor([1])))
    assert turned.image_CHW[0, 0, 3] == 255
    assert turned.boxes_N4.tolist() == [[3.0, 0.0, 4.0, 1.0]]


def test_a_change_that_changes_nothing_gives_the_same_bytes() -> None:
    sample = noisy(20, 30)
    assert same(apply(Change(), sample), sample)


@GENTLE
@given(st.integers(0, 2**40), triangles)
def test_a_moved_mask_is_the_moved_outline_filled(seed: int, points: list[tuple[int, int]]) -> None:
    moved = apply(drawn(unlit(WILD), seed, height=HEIGHT, width=WIDTH), triangle(points))
    if not len(moved.labels_N):
        return
    height, width = moved.image_CHW.shape[-2:]
    filled_HW = rasterised(moved.outline_P2, height, width)
    differ_K2 = ((filled_HW > 0) != (moved.masks[0] > 0)).nonzero().flip(1) + 0.5
    assert all(distance(point_2, moved.outline_P2) < 1.5 for point_2 in differ_K2)


@GENTLE
@given(st.integers(0, 2**40), triangles)
def test_dense_labels_and_pixels_move_with_the_mask(seed: int, points: list[tuple[int, int]]) -> None:
    moved = apply(drawn(unlit(WILD), seed, height=HEIGHT, width=WIDTH), triangle(points))
    assert moved.labels_HW is not None
    assert set(moved.labels_HW.unique().tolist()) <= {0, 1, IGNORED}
    if not len(moved.labels_N):
        return
    assert torch.equal(moved.labels_HW == 1, moved.masks[0] > 0)
    differ_K2 = ((moved.image_CHW[0] > 184) != (moved.masks[0] > 0)).nonzero().flip(1) + 0.5
    height, width = moved.image_CHW.shape[-2:]
    rim_K2 = torch.minimum(differ_K2, torch.tensor([width, height]) - differ_K2).amin(dim=1) < 1
    assert all(distance(point_2, moved.outline_P2) < 1.5 for point_2 in differ_K2[~rim_K2])


@GENTLE
@given(st.integers(0, 2**40), triangles)
def test_a_box_is_the_smallest_around_the_outline(seed: int, points: list[tuple[int, int]]) -> None:
    moved = apply(drawn(unlit(WILD), seed, height=HEIGHT, width=WIDTH), triangle(points))
    height, width = moved.image_CHW.shape[-2:]
    inside_P2 = (moved.outline_P2 >= 0) & (moved.outline_P2 <= torch.tensor([width, height]))
    if len(moved.labels_N) and inside_P2.all():
        around = torch.cat([moved.outline_P2.amin(dim=0), moved.outline_P2.amax(dim=0)])
        assert torch.equal(moved.boxes_N4[0], around)


@GENTLE
@given(st.integers(0, 2**40), triangles)
def test_the_box_of_what_is_cut_off_is_that_of_what_is_seen(seed: int, points: list[tuple[int, int]]) -> None:
    change = drawn(unlit(WILD), seed, height=HEIGHT, width=WIDTH)
    moved = apply(replace(change, shift_px=(2 * change.shift_px[0], 2 * change.shift_px[1])), triangle(points))
    for box_4, mask_HW in zip(moved.boxes_N4, moved.masks, strict=True):
        seen_4 = masks_to_boxes(mask_HW[None] > 0)[0] + torch.tensor([0, 0, 1, 1])
        cut = bool((moved.outline_P2 < 0).any()) or bool((moved.outline_P2 > torch.tensor([WIDTH, HEIGHT])).any())
        if cut:
            assert (box_4 - seen_4).abs().max() <= 1.0


@GENTLE
@given(seed=st.integers(0, 2**40), left=st.integers(0, 40), top=st.integers(0, 30), side=st.integers(20, 50))
def test_borders_keep_their_boxes_to_a_pixel(seed: int, left: int, top: int, side: int) -> None:
    corners = [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
    mask_HW = torch.zeros(HEIGHT, WIDTH, dtype=torch.uint8)
    mask_HW[top : top + side, left : left + side] = 1
    sample = Sample(
        image_CHW=(mask_HW * 255).expand(3, -1, -1).contiguous(),
        boxes_N4=torch.tensor([[left, top, left + side, top + side]], dtype=torch.float32),
        labels_N=torch.tensor([1]),
        masks_NHW=mask_HW[None],
        outline_P2=torch.tensor(corners, dtype=torch.float32),
        owner_P=torch.zeros(4, dtype=torch.int64),
    )
    moved = apply(drawn(unlit(BORDERS), seed, height=HEIGHT, width=WIDTH), sample)
    around_mask = masks_to_boxes(moved.masks > 0)[0] + torch.tensor([0, 0, 1, 1])
    assert (around_mask - moved.boxes_N4[0]).abs().max() < 1.1
    differs = ((moved.image_CHW[0] > 180) != (moved.masks[0] > 0)).float().mean()
    assert differs < 0.03


def test_boxes_without_outlines_are_moved_by_their_corners() -> None:
    sample = Sample(
        image_CHW=torch.zeros(3, 40, 60, dtype=torch.uint8),
        boxes_N4=torch.tensor([[10.0, 5.0, 20.0, 15.0], [30.0, 20.0, 50.0, 30.0]]),
        labels_N=torch.tensor([1, 2]),
    )
    flipped = apply(Change(flip_horizontal=True), sample)
    assert flipped.boxes_N4.tolist() == [[40.0, 5.0, 50.0, 15.0], [10.0, 20.0, 30.0, 30.0]]
    assert flipped.masks_NHW is None


def test_an_instance_that_leaves_the_image_is_dropped() -> None:
    sample = Sample(
        image_CHW=torch.zeros(3, 50, 50, dtype=torch.uint8),
        boxes_N4=torch.tensor([[46.0, 10.0, 50.0, 20.0], [10.0, 10.0, 30.0, 30.0]]),
        labels_N=torch.tensor([1, 2]),
        masks_NHW=torch.ones(2, 50, 50, dtype=torch.uint8),
        outline_P2=torch.tensor([[46.0, 10.0], [50.0, 20.0], [10.0, 10.0], [30.0, 30.0]]),
        owner_P=torch.tensor([0, 0, 1, 1]),
    )
    kept = apply(Change(shift_px=(10.0, 0.0)), sample)
    assert kept.labels_N.tolist() == [2]
    assert kept.boxes_N4.tolist() == [[20.0, 10.0, 40.0, 30.0]]
    assert kept.owner_P.tolist() == [0, 0]


def test_what_was_beyond_the_image_is_grey_and_ignored() -> None:
    moved = apply(Change(shift_px=(5.0, 0.0)), replace(noisy(20, 20), labels_HW=torch.zeros(20, 20, dtype=torch.int64)))
    assert moved.labels_HW is not None
    assert moved.image_CHW[:, :, :5].eq(GREY).all()
    assert moved.labels_HW[:, :5].eq(IGNORED).all()
    assert moved.labels_HW[:, 5:].eq(0).all()


def test_targets_of_the_whole_image_are_left_as_they_are() -> None:
    sample = noisy(20, 20)
    assert augment(sample, policy=WILD, seed=1, epoch=1, index=1).targets is sample.targets


@GENTLE
@given(st.integers(0, 2**40))
def test_an_oblong_image_keeps_its_sides(seed: int) -> None:
    moved = apply(drawn(WILD, seed, height=20, width=30), noisy(20, 30))
    assert moved.image_CHW.shape == (3, 20, 30)
    assert moved.image_CHW.dtype == torch.uint8


@GENTLE
@given(st.integers(0, 2**40), st.integers(1, 500), st.integers(0, 10**6))
def test_seed_epoch_and_image_say_all(seed: int, epoch: int, index: int) -> None:
    sample = noisy(16, 16)
    before = torch.get_rng_state()
    once, again = (augment(sample, policy=WILD, seed=seed, epoch=epoch, index=index) for _ in range(2))
    assert same(once, again)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_epoch_and_every_image_is_changed_in_its_own_way() -> None:
    changes = {drawn(BORDERS, seed, height=20, width=30) for seed in range(50)}
    assert len(changes) == 50


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour_images_go_through_the_wildest_policy(channels: int) -> None:
    for seed in range(12):
        sample = Sample(image_CHW=torch.full((channels, 16, 16), 90, dtype=torch.uint8))
        assert augment(sample, policy=WILD, seed=seed, epoch=1, index=0).image_CHW.shape == (channels, 16, 16)
