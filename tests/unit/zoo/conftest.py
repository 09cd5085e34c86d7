"""Small networks for tests of the zoo."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from truscore.recipes import Recipe, resolve

# These networks are too small to gain from more, and two threads wait for each other on a busy machine.
torch.set_num_threads(1)

SMALLEST = "mask_rcnn_mobilenet_v3_small_fpn"


@pytest.fixture
def small_recipe() -> Callable[..., Recipe]:
    """The smallest network at 64 px, without a second stage; keyword arguments are sections of the configuration."""

    def recipe(**sections: Any) -> Recipe:
        architecture = {"base_architecture": SMALLEST, **sections.pop("architecture_config", {})}
        custom = {"head_customization": "standard", **architecture.get("custom_modifications", {})}
        architecture["custom_modifications"] = custom
        overrides = {"image_size": 64, "architecture_config": architecture, **sections}
        return resolve("border_detection", "dual_class", "", overrides)

    return recipe


@pytest.fixture
def batch() -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]:
    """Two images with one instance of each class."""
    torch.manual_seed(1)
    masks = torch.zeros(2, 64, 64, dtype=torch.uint8)
    masks[0, 5:60, 10:50] = 1
    masks[1, 15:50, 20:40] = 1
    target = {
        "boxes": torch.tensor([[10.0, 5.0, 50.0, 60.0], [20.0, 15.0, 40.0, 50.0]]),
        "labels": torch.tensor([1, 2]),
        "masks": masks,
    }
    return [torch.rand(3, 64, 64), torch.rand(3, 64, 64)], [dict(target), dict(target)]
