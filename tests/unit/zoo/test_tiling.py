"""Pictures answered for tile by tile: as seamless as the network, and decided at a threshold."""

import pytest
import torch
from torch import Tensor, nn
from truscore.zoo.segmentation.tiling import TiledPicture, decided

SIDE, CLASSES = 64, 4
# Smaller than a tile in either way, of its very size, and of several rows and columns.
SIZES = ((64, 64), (20, 150), (150, 3), (2, 2), (65, 64), (200, 333), (129, 400))


class Narrow(nn.Module):
    """Sees two pixels around each: less than what tiles leave to one another."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, CLASSES, 3))

    def forward(self, image_1CHW: Tensor) -> Tensor:
        # Repeated at the margin, which depends on no other pixel: beside a small picture a tile is grey, not empty.
        padded = nn.functional.pad(image_1CHW, [2, 2, 2, 2], mode="replicate")
        answers: Tensor = (3 * self.layers(padded)).softmax(dim=1)
        return answers


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_say_what_the_whole_picture_says(height: int, width: int) -> None:
    network = Narrow().eval()
    image_CHW = torch.rand(3, height, width)
    with torch.no_grad():
        tiled = TiledPicture(network, classes=CLASSES, side=SIDE).undecided(image_CHW)
        # As a tile shows it: grey below and to the right of a picture that is smaller.
        below, beside = max(0, SIDE - height), max(0, SIDE - width)
        framed = nn.functional.pad(image_CHW, [0, beside, 0, below], value=114 / 255)
        whole = network(framed[None])[0, :, :height, :width]
    assert tiled.shape == (CLASSES, height, width)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-6)


class Numbered(nn.Module):
    """Says another thing for each tile it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, image_1CHW: Tensor) -> Tensor:
        self.asked += 1
        damage = torch.full((1, 1, SIDE, SIDE), 0.1 if self.asked % 2 else 0.9)
        return torch.cat((1 - damage, damage), dim=1)


def test_tiles_that_disagree_fade_into_each_other() -> None:
    answer = TiledPicture(Numbered(), classes=2, side=SIDE).undecided(torch.rand(3, SIDE, 110))[1]
    steps = (answer[:, 1:] - answer[:, :-1]).abs()
    assert answer[0, 0] == pytest.approx(0.1)
    assert answer[0, -1] == pytest.approx(0.9)
    # Over four pixels, a sixteenth of the side, and nowhere by more than two of five steps at once.
    assert steps.max() <= 0.8 / 4 + 1e-6


def test_the_most_probable_class_is_damage_from_the_threshold_on() -> None:
    torch.manual_seed(0)
    probability_KHW = torch.rand(CLASSES, 50, 50).pow(3).softmax(dim=0)
    for threshold in (0.5, 0.72, 0.9):
        answer_KHW = decided(probability_KHW, threshold)
        expected = torch.where(1 - probability_KHW[0] >= threshold, probability_KHW[1:].argmax(dim=0) + 1, 0)
        assert torch.equal(answer_KHW.argmax(dim=0), expected)
        torch.testing.assert_close(answer_KHW.sum(dim=0), torch.ones(50, 50))
