"""The second stage of border detection on validation images: it sees the original, the first stage its reduced copy.

Legend: N detections, C channels, H, W sides.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from truscore.metrics.detection import Lines, lines_found
from truscore.zoo.detection.border_lines.refining import COARSE, refine
from truscore.zoo.detection.border_lines.stage import BorderLines
from truscore.zoo.preprocess import preprocess


def refined(
    stage: BorderLines, original_HWC: NDArray[np.uint8], image_CHW: Tensor, found: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What ``refine`` gives, from the original, in pixels of ``image_CHW``, as all of ``found`` is."""
    given_CHW = preprocess(original_HWC).to(image_CHW.device)
    height, width = image_CHW.shape[-2:]
    ratio_2 = found[COARSE].new_tensor([given_CHW.shape[-1] / width, given_CHW.shape[-2] / height])
    lines = refine(stage, given_CHW, dict(found) | {COARSE: found[COARSE] * ratio_2})
    return lines | {"corners": lines["corners"] / ratio_2}


def lines_of(prediction: Mapping[str, Tensor]) -> list[Lines | None]:
    """The corners of each detection whose sides were found, enough of them; empty without a second stage."""
    if "corners" not in prediction:
        return []
    return lines_found(prediction["corners"].cpu().numpy(), prediction["line_confidence"].cpu().numpy())
