"""Published SAM weights under our names and in our shapes.

Legend: C channels, g patches a side, R relative places.
"""

import re
from collections.abc import Mapping

from torch import Tensor, cat, nn

# Meta's names to transformers' ("image_encoder.blocks.0.norm1" to "vision_encoder.layers.0.layer_norm1").
_OF_META = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^image_encoder\.", "vision_encoder."),
        (r"^vision_encoder\.blocks\.", "vision_encoder.layers."),
        (r"patch_embed\.proj\.", "patch_embed.projection."),
        (r"neck\.0\.", "neck.conv1."),
        (r"neck\.1\.", "neck.layer_norm1."),
        (r"neck\.2\.", "neck.conv2."),
        (r"neck\.3\.", "neck.layer_norm2."),
        (r"(layers\.\d+)\.norm(\d)\.", r"\1.layer_norm\2."),
        (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
        (r"output_upscaling\.0\.", "upscale_conv1."),
        (r"output_upscaling\.1\.", "upscale_layer_norm."),
        (r"output_upscaling\.3\.", "upscale_conv2."),
        (r"(hypernetworks_mlps\.\d+)\.layers\.0\.", r"\1.proj_in."),
        (r"(hypernetworks_mlps\.\d+)\.layers\.1\.", r"\1.layers.0."),
        (r"(hypernetworks_mlps\.\d+)\.layers\.2\.", r"\1.proj_out."),
        (r"prompt_encoder\.point_embeddings\.", "prompt_encoder.point_embed."),
        (
            r"prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix",
            "prompt_encoder.shared_embedding.positional_embedding",
        ),
    )
)
# Transformers' names to ours.
_OURS = (
    ("vision_encoder.", "backbone.body."),
    ("mask_decoder.", "decoder."),
    ("shared_image_embedding.", "prompts.shared_embedding."),
    ("prompt_encoder.", "prompts."),
)
_UPPER_LEFT, _LOWER_RIGHT = 2, 3  # of SAM's point embeddings: the corners of a box


def as_ours(found: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``found`` under Meta's, transformers' or our names; places are stretched to the sizes that ``own`` has."""
    of_meta = any(name.startswith("image_encoder.") for name in found)
    named = {_our_name(name, of_meta=of_meta): value for name, value in found.items()}
    corners = [named.get(f"prompts.point_embed.{number}.weight") for number in (_UPPER_LEFT, _LOWER_RIGHT)]
    if all(corner is not None for corner in corners):
        named["prompts.corner_embed.weight"] = cat([corner for corner in corners if corner is not None])
    tokens = "decoder.mask_tokens.weight"
    if tokens in named:
        # The first is for one mask; the others are for the parts of what a single point may mean.
        named[tokens] = named[tokens][:1]
    return {name: _stretched(name, value, own[name]) if name in own else value for name, value in named.items()}


def _our_name(name: str, *, of_meta: bool) -> str:
    if of_meta:
        for pattern, replacement in _OF_META:
            name = pattern.sub(replacement, name)
    for theirs, ours in _OURS:
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def _stretched(name: str, value: Tensor, own: Tensor) -> Tensor:
    """Absolute places bilinearly, relative ones linearly (Li et al. 2022, "ViTDet"), where images have another size."""
    if value.shape == own.shape:
        return value
    if name.endswith(".pos_embed"):
        # [1, g, g, C] as SAM keeps them.
        grid_1Cgg = value.permute(0, 3, 1, 2).float()
        stretched = nn.functional.interpolate(grid_1Cgg, own.shape[1:3], mode="bilinear", antialias=True)
        return stretched.permute(0, 2, 3, 1)
    if ".rel_pos_" in name and value.shape[-1] == own.shape[-1]:
        # [R, C], R = 2 g - 1 distances between two patches of a side.
        along_1CR = value.T[None].float()
        return nn.functional.interpolate(along_1CR, own.shape[0], mode="linear")[0].T
    return value
