"""Published weights of classification networks under the names that bodies have here.

Torchvision's and timm's names are the bodies' own but for transformers, which lie in folders of their own there.
"""

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

_RENAMED = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # DenseNets published before names with dots were given up.
        (r"^features\.(.*denselayer\d+\.(?:norm|conv))\.([12]\.)", r"features.\1\2"),
        # torchvision's transformers
        (r"^(conv_proj\.|class_token$)", r"embedding.\1"),
        (r"^encoder\.(pos_embedding)$", r"embedding.\1"),
        (r"^encoder\.layers\.", ""),
        (r"^encoder\.(ln\.)", r"\1"),
        (r"\.mlp\.linear_1\.", ".mlp.0."),
        (r"\.mlp\.linear_2\.", ".mlp.3."),
        # timm's
        (r"^patch_embed\.proj\.", "embedding.conv_proj."),
        (r"^cls_token$", "embedding.class_token"),
        (r"^pos_embed$", "embedding.pos_embedding"),
        (r"^norm\.", "ln."),
        (r"^blocks\.(\d+)\.", r"encoder_layer_\1."),
        (r"^(encoder_layer_\d+\.)norm([12]\.)", r"\1ln_\2"),
        (r"^(encoder_layer_\d+\.)attn\.qkv\.", r"\1self_attention.in_proj_"),
        (r"^(encoder_layer_\d+\.)attn\.proj\.", r"\1self_attention.out_proj."),
        (r"^(encoder_layer_\d+\.mlp\.)fc1\.", r"\g<1>0."),
        (r"^(encoder_layer_\d+\.mlp\.)fc2\.", r"\g<1>3."),
    )
)
# The first and the last convolution.
_LITE_ENDS = (("_conv_stem.weight", "_conv_head.weight"), ("conv_stem.weight", "conv_head.weight"))
_FIRST_FILTERS = "conv1.0.weight"
_NANODET_HEAD = "head.gfl_cls."


def as_body(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with ``backbone.body.`` before their names; those of a network of ours stay as they are.

    NanoDet reads images as blue, green, red, and all here are red, green, blue: its first filters are turned round.
    """
    if any(name.startswith("backbone.body.") for name in found):
        return dict(found)
    named = dict(_named(found))
    if _is_nanodet(found) and _FIRST_FILTERS in named:
        named[_FIRST_FILTERS] = named[_FIRST_FILTERS].flip(1)
    return {f"backbone.body.{name}": value for name, value in named.items()}


def body_of_nanodet(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """NanoDet's body as ``as_body`` gives it; the tensors of any other file stay as they are."""
    return as_body(found) if _is_nanodet(found) else dict(found)


def is_efficientnet_lite(found: Mapping[str, Tensor]) -> bool:
    """Whether the file is one of EfficientNet-PyTorch or timm; ours have ``backbone.body.`` before their names."""
    return any({stem, head} <= found.keys() for stem, head in _LITE_ENDS)


def _is_nanodet(found: Mapping[str, Tensor]) -> bool:
    return any(name.startswith(_NANODET_HEAD) for name in found)


def _named(found: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    # Of a detector's file the body alone; of a classifier's all.
    inside = any(name.startswith("backbone.") for name in found)
    for name, value in found.items():
        if inside and not name.startswith("backbone."):
            continue  # a detector's other parts
        renamed = name.removeprefix("backbone.")
        for pattern, replacement in _RENAMED:
            renamed = pattern.sub(replacement, renamed)
        yield renamed.removeprefix("features."), value
