"""Detectron2's checkpoints of Mask R-CNN R50-FPN under the names, and in the order of classes, that they have here."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_BODY = r"^backbone\.bottom_up\."
_RENAMED = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (_BODY + r"stem\.conv1\.weight$", r"backbone.body.conv1.weight"),
        (_BODY + r"stem\.conv1\.norm\.(\w+)$", r"backbone.body.bn1.\1"),
        (_BODY + r"res(\d)\.(\d+)\.conv(\d)\.weight$", r"backbone.body.layer<\1>.\2.conv\3.weight"),
        (_BODY + r"res(\d)\.(\d+)\.conv(\d)\.norm\.(\w+)$", r"backbone.body.layer<\1>.\2.bn\3.\4"),
        (_BODY + r"res(\d)\.(\d+)\.shortcut\.weight$", r"backbone.body.layer<\1>.\2.downsample.0.weight"),
        (_BODY + r"res(\d)\.(\d+)\.shortcut\.norm\.(\w+)$", r"backbone.body.layer<\1>.\2.downsample.1.\3"),
        (r"^backbone\.fpn_lateral(\d)\.(\w+)$", r"backbone.fpn.inner_blocks.<<\1>>.0.\2"),
        (r"^backbone\.fpn_output(\d)\.(\w+)$", r"backbone.fpn.layer_blocks.<<\1>>.0.\2"),
        (r"^proposal_generator\.rpn_head\.conv\.(\w+)$", r"rpn.head.conv.0.0.\1"),
        (r"^proposal_generator\.rpn_head\.objectness_logits\.(\w+)$", r"rpn.head.cls_logits.\1"),
        (r"^proposal_generator\.rpn_head\.anchor_deltas\.(\w+)$", r"rpn.head.bbox_pred.\1"),
        (r"^roi_heads\.box_head\.fc1\.(\w+)$", r"roi_heads.box_head.fc6.\1"),
        (r"^roi_heads\.box_head\.fc2\.(\w+)$", r"roi_heads.box_head.fc7.\1"),
        (r"^roi_heads\.mask_head\.mask_fcn(\d)\.(\w+)$", r"roi_heads.mask_head.<\1>.0.\2"),
        (r"^roi_heads\.mask_head\.deconv\.(\w+)$", r"roi_heads.mask_predictor.conv5_mask.\1"),
        (r"^roi_heads\.mask_head\.predictor\.(\w+)$", r"roi_heads.mask_predictor.mask_fcn_logits.\1"),
    )
)
# Their second residual stage is our first layer, and level 2 of their pyramid our level 0.
_ONE_LESS = re.compile(r"(?<!<)<(\d)>(?!>)")
_TWO_LESS = re.compile(r"<<(\d)>>")


def renamed(name: str) -> str:
    """Our name of one of its tensors; a name it doesn't use stays as it is."""
    for pattern, replacement in _RENAMED:
        if pattern.match(name):
            name = pattern.sub(replacement, name)
            name = _TWO_LESS.sub(lambda found: str(int(found[1]) - 2), name)
            return _ONE_LESS.sub(lambda found: str(int(found[1]) - 1), name)
    return name


def as_ours(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All of a checkpoint's tensors; those that tell classes apart with the background in front."""
    return {renamed(name): _with_background_first(renamed(name), value) for name, value in found.items()}


def _with_background_first(name: str, value: Tensor) -> Tensor:
    # The background is the last class there and the first here.
    if name.startswith("roi_heads.box_predictor.cls_score."):
        return torch.cat([value[-1:], value[:-1]])
    # Of the background there it has neither boxes nor masks; here both are there and never read.
    if name.startswith("roi_heads.box_predictor.bbox_pred."):
        return torch.cat([value.new_zeros(4, *value.shape[1:]), value])
    if name.startswith("roi_heads.mask_predictor.mask_fcn_logits."):
        return torch.cat([value.new_zeros(1, *value.shape[1:]), value])
    return value


def is_theirs(found: Mapping[str, Tensor]) -> bool:
    return any(name.startswith("backbone.bottom_up.") for name in found)
