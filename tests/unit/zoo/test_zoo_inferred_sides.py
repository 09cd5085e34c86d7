"""Sides without a line are put where the rest of the card says, and only these. Q and 42 as there."""

import io
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor
from truscore.datasets import Annotation, ImageRecord
from truscore.inference.runtime import onnxruntime
from truscore.metrics.margins import usual_margins
from truscore.zoo.detection.border_lines.decoding import GRAPHICAL, OUTER
from truscore.zoo.detection.border_lines.inferred import inferred
from truscore.zoo.detection.border_lines.stage import BorderLines

TURN = np.radians(3)
MARGINS_24 = torch.tensor([[0.06, 0.05, 0.08, 0.04], [0.01, 0.01, 0.01, 0.01]])
CARD_42 = [(100, 100), (600, 100), (600, 800), (100, 800)]
PRINT_42 = [(120, 130), (575, 130), (575, 760), (120, 760)]  # at the margins of MARGINS_24, of 500 px


def turned(*quads: list[tuple[float, float]]) -> Tensor:
    turn_22 = np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]])
    return torch.tensor(np.array(quads, dtype=np.float64) @ turn_22.T, dtype=torch.float32)


def told(corners: Tensor, confidence: list[list[float]], kinds: list[int]) -> Tensor:
    confidence_Q4 = torch.tensor(confidence)
    return inferred(corners, torch.ones_like(confidence_Q4), confidence_Q4, torch.tensor(kinds), MARGINS_24)[0]


@pytest.mark.parametrize(
    ("side", "wrong_42"),
    [
        (0, [(100, 140), (600, 140), (600, 800), (100, 800)]),
        (1, [(100, 100), (635, 100), (635, 800), (100, 800)]),
        (2, [(100, 100), (600, 100), (600, 745), (100, 745)]),
        (3, [(80, 100), (600, 100), (600, 800), (80, 800)]),
    ],
)
def test_the_fourth_side_of_a_card_follows_from_its_proportion(side: int, wrong_42: list[tuple[float, float]]) -> None:
    confidence = [0.0 if at == side else 0.9 for at in range(4)]
    assert torch.allclose(told(turned(wrong_42), [confidence], [OUTER]), turned(CARD_42), atol=0.05)


def test_a_card_that_may_be_of_another_format_or_lacks_two_sides_is_left_as_it_is() -> None:
    square = turned([(100, 100), (600, 100), (600, 600), (100, 600)])
    assert torch.equal(told(square, [[0.0, 0.9, 0.9, 0.9]], [OUTER]), square)
    moved = turned([(100, 140), (635, 140), (635, 800), (100, 800)])
    assert torch.equal(told(moved, [[0.0, 0.0, 0.9, 0.9]], [OUTER]), moved)


def test_a_printed_border_has_its_lost_sides_at_the_usual_margin_of_its_own_card() -> None:
    far = [(x + 900.0, y) for x, y in CARD_42]
    wrong = [(120.0, 130.0), (597.0, 130.0), (597.0, 798.0), (120.0, 798.0)]
    corners = told(turned(far, CARD_42, wrong), [[0.9] * 4, [0.9] * 4, [0.9, 0.0, 0.0, 0.9]], [OUTER, OUTER, GRAPHICAL])
    assert torch.allclose(corners, turned(far, CARD_42, PRINT_42), atol=0.05)


def test_nothing_is_told_of_sides_that_were_found_nor_without_an_edge_or_a_margin() -> None:
    corners, kinds = turned(CARD_42, PRINT_42), [OUTER, GRAPHICAL]
    assert torch.equal(told(corners, [[0.9] * 4, [0.9] * 4], kinds), corners)
    assert torch.equal(told(corners, [[0.0] * 4, [0.0] * 4], kinds), corners)
    sure_Q4 = torch.tensor([[0.9] * 4, [0.0] * 4])
    same, _ = inferred(corners, torch.ones(2, 4), sure_Q4, torch.tensor(kinds), torch.zeros(2, 4))
    assert torch.equal(same, corners)


class _Graph(torch.nn.Module):
    def forward(self, corners_Q42: Tensor, confidence_Q4: Tensor, kinds_Q: Tensor) -> tuple[Tensor, Tensor]:
        return inferred(corners_Q42, torch.ones_like(confidence_Q4), confidence_Q4, kinds_Q, MARGINS_24)


def test_a_file_says_the_same_of_any_number_of_borders() -> None:
    wrong = [(120.0, 130.0), (597.0, 130.0), (597.0, 798.0), (120.0, 798.0)]
    one = (turned(CARD_42), torch.tensor([[0.9, 0.9, 0.0, 0.9]]), torch.tensor([OUTER]))
    two = (turned(wrong, CARD_42), torch.tensor([[0.9, 0.0, 0.0, 0.9], [0.9] * 4]), torch.tensor([GRAPHICAL, OUTER]))
    names = ["corners", "confidence", "kinds"]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Graph(), one, file, dynamo=False, opset_version=17, input_names=names,
            dynamic_axes={name: {0: "borders"} for name in names},
        )  # fmt: skip
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for given in (one, two):
        inputs = {name: value.numpy() for name, value in zip(names, given, strict=True)}
        for of_file, expected in zip(session.run(None, inputs), _Graph()(*given), strict=True):
            np.testing.assert_allclose(of_file, expected.numpy(), atol=0.01)
    assert torch.allclose(_Graph()(*two)[0][0], turned(PRINT_42)[0], atol=0.05)


def a_card(number: int) -> ImageRecord:
    """A card of 500 px, its print 30, 25, 40 and 20 px inside; that of the last card is far off."""
    off = 90 if number == 4 else 0
    boxes = [(1, (100.0, 100.0, 500.0, 700.0)), (2, (120.0, 130.0, 455.0, 630.0 - off))]
    return ImageRecord(
        path=f"{number}.png", sha256="0" * 64, size_bytes=1, width=700, height=900, file_format="PNG",
        perceptual_hash="0" * 16,
        annotations=tuple(Annotation(label=label, box_xywh=box) for label, box in boxes),
    )  # fmt: skip


def test_the_usual_margin_is_the_median_of_the_training_cards() -> None:
    margins_24 = usual_margins([a_card(number) for number in range(5)])
    assert margins_24 is not None
    assert margins_24[0] == pytest.approx([0.06, 0.05, 0.08, 0.04])
    assert usual_margins([a_card(number) for number in range(4)]) is None


def test_weights_of_before_the_margins_still_load() -> None:
    weights = BorderLines(2).state_dict()
    weights.pop("margins_24")
    stage = BorderLines(2)
    stage.load_state_dict(weights)
    assert not stage.margins_24.any()
