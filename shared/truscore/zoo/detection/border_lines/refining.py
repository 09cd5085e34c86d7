"""What a detector with a second stage does beside its own work: learn from strips, and refine what it found.

Legend: N detections, F of them that are refined, C channels, H, W sides of the picture.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from truscore.configuration.recipe import Recipe
from truscore.zoo.detection.border_lines.coarse import coarse_corners
from truscore.zoo.detection.border_lines.stage import BorderLines
from truscore.zoo.detection.border_lines.strips import picture_size
from truscore.zoo.losses.border_lines import line_loss

Target = dict[str, Tensor]
Detections = dict[str, Tensor]

LEAST_SCORE = 0.5  # what is found with less is no border to be measured
COARSE = "coarse_corners"  # [N, 4, 2] among detections: where the second stage begins


def second_stage(recipe: Recipe, num_classes: int) -> BorderLines | None:
    """A recipe's second stage, where it has one; ``num_classes`` without a background."""
    return BorderLines(num_classes) if has_second_stage(recipe) else None


def has_second_stage(recipe: Recipe) -> bool:
    """Border detection with the head made for cards."""
    custom = recipe.architecture_config.custom_modifications
    return recipe.category == "border_detection" and custom.head_customization == "phoenix_specialized"


def line_losses(stage: BorderLines | None, targets: Sequence[Target]) -> dict[str, Tensor]:
    """``lines``, the loss over the strips of all targets; nothing without a second stage, or where targets have no
    strips."""
    if stage is None or not all("strips" in target for target in targets):
        return {}
    names = [name for name in targets[0] if name.startswith("strips")]
    given = {name: torch.cat([target[name] for target in targets]) for name in names}
    if not len(given["strips"]):
        # Processes wait for the gradient of every weight, also of a batch without borders.
        return {"lines": torch.stack([weight.sum() for weight in stage.parameters()]).sum() * 0}
    device = given["strips"].device.type
    # A sum over thousands of places in half precision would be no sum.
    with torch.autocast(device, enabled=False):
        log_SKTA, log_none_SK = stage.network(
            given["strips"].float() / 255, given["strips_inside"].float(), given["strips_reach"], given["strips_kind"]
        )
        loss = line_loss(
            log_SKTA, log_none_SK, given["strips_offset"], given["strips_deviation"], given["strips_there"]
        )
    return {"lines": loss}


def with_coarse(detections: Sequence[Detections], masks: Sequence[Tensor | None]) -> None:
    """Add COARSE, in the pixels of the boxes; ``masks`` are those of the head, before they are pasted."""
    for found, masks_N1MM in zip(detections, masks, strict=True):
        found[COARSE] = coarse_corners(found["boxes"], masks_N1MM)


def refine(stage: BorderLines, image_CHW: Tensor, found: Detections) -> Detections:
    """``corners`` [N, 4, 2], ``line_confidence`` and ``line_deviation`` [N, 4]; see ``stage.Lines``.

    COARSE of ``found`` are in pixels of this picture. What is found with less than LEAST_SCORE stays as it is, with
    confidence 0.
    """
    return _placed(stage, image_CHW, found, torch.nonzero(found["scores"] >= LEAST_SCORE)[:, 0])


def refine_all_rows(stage: BorderLines, image_CHW: Tensor, found: Detections) -> Detections:
    """The same in shapes that do not depend on scores: all rows are placed, and those of too low a score put back."""
    placed = _placed(stage, image_CHW, found, torch.arange(found["scores"].shape[0]))
    sure_N1 = (found["scores"] >= LEAST_SCORE)[:, None]
    nothing_N4 = torch.zeros_like(placed["line_confidence"])
    return {
        "corners": torch.where(sure_N1[..., None], placed["corners"], found[COARSE]),
        "line_confidence": torch.where(sure_N1, placed["line_confidence"], nothing_N4),
        "line_deviation": torch.where(sure_N1, placed["line_deviation"], nothing_N4),
    }


def _placed(stage: BorderLines, image_CHW: Tensor, found: Detections, sure_F: Tensor) -> Detections:
    coarse_N42, labels_N = found[COARSE], found["labels"]
    confidence_N4 = torch.zeros_like(coarse_N42[:, :, 0])
    # One more, which is taken off again: graphs of convolutions want at least one.
    size_2 = picture_size(image_CHW).to(coarse_N42)
    unit_142 = torch.tensor([[[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]], device=coarse_N42.device)
    corners = torch.cat([coarse_N42[sure_F], unit_142 * size_2])
    kinds = torch.cat([labels_N[sure_F] - 1, torch.zeros(1, dtype=torch.int64, device=labels_N.device)])
    lines = stage(image_CHW, corners, kinds)
    place_F = sure_F[:, None].expand(-1, 4)
    return {
        "corners": coarse_N42.scatter(0, sure_F[:, None, None].expand(-1, 4, 2), lines.corners_Q42[:-1].to(coarse_N42)),
        "line_confidence": confidence_N4.scatter(0, place_F, lines.confidence_Q4[:-1].to(confidence_N4)),
        "line_deviation": confidence_N4.scatter(0, place_F, lines.deviation_Q4[:-1].to(confidence_N4)),
    }
