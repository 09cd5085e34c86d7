"""The second stage of border detection: strips where their geometry says, lines where the rendered edges are.

Legend: S strips, A offsets, L places along, Q quadrilaterals, 42 four corners of x and y.
"""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from truscore.augmentation.border_strips import KnownBorder, border_strips
from truscore.datasets.shapes.quadrilateral import corners_of
from truscore.metrics.borders import edge_distances
from truscore.synthesis.outline import coverage
from truscore.synthesis.scene import render_scene
from truscore.zoo.detection.border_lines import subpixel
from truscore.zoo.detection.border_lines.network import OFFSETS, PLACES, LineNetwork
from truscore.zoo.detection.border_lines.stage import BorderLines, expected
from truscore.zoo.detection.border_lines.strips import corners_from, cut_strips, sides_of
from truscore.zoo.losses.border_lines import line_loss

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]
SIDE = 320
TURNED_42 = np.array([[60.0, 40.0], [251.0, 52.5], [240.0, 287.0], [49.0, 275.0]])


def picture_of(corners_42: Points) -> Picture:
    """A light quadrilateral on a dark ground, each pixel as light as it is covered."""
    covered = coverage(corners_42, SIDE, SIDE)
    return np.repeat((30 + 170 * covered)[..., None], 3, axis=2).round().astype(np.uint8)


def as_tensor(image_HWC: Picture) -> Tensor:
    return torch.from_numpy(image_HWC).permute(2, 0, 1).float() / 255


def quads(*corners: Points) -> Tensor:
    return torch.tensor(np.array(corners), dtype=torch.float32)


def test_a_strip_shows_a_side_at_its_middle_row_and_the_outside_in_its_last_rows() -> None:
    sides = sides_of(quads(TURNED_42))
    values, inside = cut_strips(as_tensor(picture_of(TURNED_42)), sides, torch.linspace(-6, 6, 25).expand(4, -1), 64)
    across_SA = values.mean(dim=(1, 3))
    assert (inside == 1).all()
    assert torch.allclose(across_SA[:, 0], torch.tensor(200 / 255), atol=0.02)
    assert torch.allclose(across_SA[:, -1], torch.tensor(30 / 255), atol=0.02)
    assert torch.allclose(across_SA[:, 12], torch.tensor(115 / 255), atol=0.03)  # half covered on the line itself


def test_beyond_the_picture_a_strip_is_marked() -> None:
    corners_42 = np.array([[0.0, 100.0], [SIDE, 100.0], [SIDE, 200.0], [0.0, 200.0]])
    sides = sides_of(quads(corners_42))
    _, inside = cut_strips(as_tensor(picture_of(corners_42)), sides, torch.linspace(-4, 4, 9).expand(4, -1), 16)
    assert inside[:, 0, :, 8].tolist()[1] == [1, 1, 1, 1, 1, 0, 0, 0, 0]
    assert inside[0].all()


def test_lines_that_were_moved_meet_in_the_corners_that_they_had() -> None:
    sides = sides_of(quads(TURNED_42))
    nothing = torch.zeros(4)
    corners = corners_from(sides.points(nothing, 0.1), sides.points(nothing, 0.9))
    assert torch.allclose(corners[0], quads(TURNED_42)[0], atol=1e-3)


def test_training_strips_have_their_line_where_they_say() -> None:
    """The row of the half covered pixels, of each strip's mean over its middle places."""
    image, border = picture_of(TURNED_42), KnownBorder(corners_42=TURNED_42, kind=0, deviation=0.0005)
    found = 0
    for epoch in range(1, 9):
        given = border_strips(image, [border], kinds=2, count=4, seed=3, epoch=epoch, index=0)
        for at in torch.where(given["strips_there"][:, 0] > 0)[0]:
            middle_A = given["strips"][at].float().mean(dim=0)[:, PLACES // 2 - 2 : PLACES // 2 + 2].mean(dim=1)
            place = float(given["strips_offset"][at, 0]) + (OFFSETS - 1) / 2
            if 12 < place < OFFSETS - 12:
                # Two halves that differ most: the edge between them, whatever noise was added.
                apart_A = (middle_A[:-8].unfold(0, 8, 1).mean(1)[:-8] - middle_A.unfold(0, 8, 1).mean(1)[16:]).abs()
                assert float(apart_A.argmax()) + 11.5 == pytest.approx(place, abs=4)
                found += 1
    assert found > 10


def test_the_same_image_and_epoch_give_the_same_strips_and_another_epoch_others() -> None:
    image, border = picture_of(TURNED_42), KnownBorder(corners_42=TURNED_42, kind=1, deviation=0.0005)
    one, again, other = (
        border_strips(image, [border], kinds=2, count=2, seed=3, epoch=epoch, index=5) for epoch in (1, 1, 2)
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["strips"], other["strips"])
    assert one["strips_kind"].tolist() == [1, 1]


def test_an_edge_is_placed_to_a_twentieth_of_a_pixel_and_a_blank_has_none() -> None:
    moved_42 = TURNED_42 + np.array([[0.7, -1.2], [-0.9, 0.8], [1.1, 0.6], [-0.4, -0.9]])
    for picture, there in ((picture_of(TURNED_42), True), (np.full((SIDE, SIDE, 3), 90, np.uint8), False)):
        sides = sides_of(quads(moved_42))
        offsets_SA = subpixel.offsets().expand(4, -1)
        placed = subpixel.place_lines(*cut_strips(as_tensor(picture), sides, offsets_SA, subpixel.PLACES))
        assert placed.there_S.tolist() == [there] * 4
        corners = corners_from(sides.points(placed.first_S, 0.08), sides.points(placed.last_S, 0.92))
        off = np.array(edge_distances(TURNED_42, corners[0].numpy().astype(np.float64)))
        assert (off.max() < 0.05) == there


def test_a_known_line_is_what_the_expected_offset_gives_and_what_costs_least() -> None:
    log_STA = torch.full((1, 17, OFFSETS), -9.0)
    log_STA[0, 10, 40:43] = torch.tensor([2.0, 3.0, 2.0])
    log_STA = log_STA.flatten(1).log_softmax(dim=1).reshape(log_STA.shape)
    offset_S, tilt_S, mass_S, _ = expected(log_STA)
    assert offset_S.item() == pytest.approx(41 - (OFFSETS - 1) / 2, abs=0.05)
    assert tilt_S.item() == pytest.approx(6, abs=0.2)
    assert mass_S.item() > 0.5
    log_SKTA, at, none, one = log_STA[:, None], offset_S[:, None], torch.tensor([[-5.0]]), torch.ones(1, 1)
    right, wrong = (line_loss(log_SKTA, none, at + shift, one, one) for shift in (0, 8))
    assert right < wrong
    assert line_loss(log_SKTA, none, at, one, 0 * one).item() == pytest.approx(5.0)
    assert line_loss(log_SKTA, none, at, one, -one).item() == 0  # what is not known counts nowhere


def test_the_loss_reaches_every_weight_of_the_network() -> None:
    image, border = picture_of(TURNED_42), KnownBorder(corners_42=TURNED_42, kind=1, deviation=0.0005)
    given = border_strips(image, [border], kinds=2, count=12, seed=0, epoch=1, index=0)
    network = LineNetwork(2)
    _loss(network, given).backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


@pytest.fixture(scope="module")
def trained() -> BorderLines:
    torch.manual_seed(0)
    stage = BorderLines(2)
    optimizer = torch.optim.AdamW(stage.parameters(), lr=3e-3)
    scenes = [_scene(number) for number in range(24)]
    for step in range(1, 81):
        parts = [
            border_strips(image, borders, kinds=2, count=4, seed=0, epoch=step, index=at)
            for at, (image, borders) in ((at, scenes[at]) for at in (step % 24, (step + 7) % 24))
        ]
        loss = _loss(stage.network, {name: torch.cat([part[name] for part in parts]) for name in parts[0]})
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return stage.eval()


def test_borders_of_rendered_cards_of_unseen_designs_are_placed_within_a_third_of_a_pixel(trained: BorderLines) -> None:
    rng = np.random.default_rng(1)
    before, after = [], []
    for number in range(100, 116):
        image, borders = _scene(number)
        coarse = [one.corners_42 + rng.normal(0, 4, size=(4, 2)) for one in borders]
        with torch.no_grad():
            lines = trained(as_tensor(image), quads(*coarse), torch.tensor([0, 1]))
        for at, one in enumerate(borders):
            before.append(np.mean(edge_distances(one.corners_42, coarse[at])))
            after.append(np.mean(edge_distances(one.corners_42, lines.corners_Q42[at].numpy().astype(np.float64))))
    assert np.median(before) > 1.0
    assert np.median(after) < 0.3
    assert np.mean(after) < np.mean(before)


def test_where_there_is_no_border_the_coarse_one_is_kept_without_confidence(trained: BorderLines) -> None:
    blank = torch.full((3, SIDE, SIDE), 0.4)
    with torch.no_grad():
        lines = trained(blank, quads(TURNED_42), torch.tensor([0]))
    assert torch.equal(lines.confidence_Q4, torch.zeros(1, 4))
    assert torch.allclose(lines.corners_Q42, quads(TURNED_42), atol=1e-3)


def _scene(number: int) -> tuple[Picture, Sequence[KnownBorder]]:
    scene = render_scene(np.random.default_rng([5, number]), SIDE, SIDE)
    corners = [corners_of(outline.ravel().tolist()) for outline in (scene.outer_N2, scene.graphical_N2)]
    assert all(one is not None for one in corners)
    return scene.image_HWC, [
        KnownBorder(corners_42=one, kind=kind, deviation=0.0005) for kind, one in enumerate(corners) if one is not None
    ]


def _loss(network: LineNetwork, given: dict[str, Tensor]) -> Tensor:
    log_SKTA, log_none_SK = network(
        given["strips"].float() / 255, given["strips_inside"].float(), given["strips_reach"], given["strips_kind"]
    )
    return line_loss(log_SKTA, log_none_SK, given["strips_offset"], given["strips_deviation"], given["strips_there"])
