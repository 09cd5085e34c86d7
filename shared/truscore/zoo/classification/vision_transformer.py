"""Vision transformers as bodies (Dosovitskiy et al. 2021): an image becomes patches, patches become a map again.

Legend: B images, C colours, S side of the square, N tokens, D width of a token, G and g sides of the grid of patches.
"""

import math
from collections import OrderedDict
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.vision_transformer import EncoderBlock

from truscore.catalog.networks.configs import VisionTransformerConfig
from truscore.zoo.resize import resize_antialiased

_EPS = 1e-6  # of the published weights' norms


def transformer_body(shape: VisionTransformerConfig, image_size: int, dropped: float) -> nn.Sequential:
    """Stages: ``embedding``, the layers, the last norm, and the map. ``dropped`` is unused: heads drop units."""
    embedding = Embedding(shape, image_size)
    layers = {
        f"encoder_layer_{number}": EncoderBlock(
            shape.heads,
            shape.width,
            # Its hidden layer: twice a token's width in compact transformers, four times in published ones.
            mlp_dim=(2 if shape.convolutions else 4) * shape.width,
            dropout=0.0,
            attention_dropout=0.0,
            norm_layer=partial(nn.LayerNorm, eps=_EPS),
        )
        for number in range(shape.depth)
    }
    last = {"ln": nn.LayerNorm(shape.width, eps=_EPS), "map": AsMap(embedding.side)}
    return nn.Sequential(OrderedDict({"embedding": embedding, **layers, **last}))


class Embedding(nn.Module):
    """Patches and where they are. Positions are kept for the grid they were learned for, and resampled to another."""

    def __init__(self, shape: VisionTransformerConfig, image_size: int) -> None:
        super().__init__()
        self.side = math.ceil(image_size / shape.patch)
        self._grid = shape.grid
        # Whole patches: the square is padded below and to the right, where framing puts its grey, too.
        self._missing = self.side * shape.patch - image_size
        self.conv_proj = (
            _small_convolutions(shape)
            if shape.convolutions
            else nn.Conv2d(3, shape.width, kernel_size=shape.patch, stride=shape.patch)
        )
        # Compact transformers do without a class token (Hassani et al. 2021).
        extra = 0 if shape.convolutions else 1
        self.class_token = nn.Parameter(torch.zeros(1, 1, shape.width)) if extra else None
        # Deviation 0.02, as torchvision draws them.
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, shape.grid**2 + extra, shape.width))

    def forward(self, image_BCSS: Tensor) -> Tensor:
        if self._missing:
            image_BCSS = nn.functional.pad(image_BCSS, (0, self._missing, 0, self._missing))
        # [B, D, g, g] to [B, g g, D]: row by row.
        tokens_BND: Tensor = self.conv_proj(image_BCSS).flatten(2).transpose(1, 2)
        # First, as published positions have it.
        if self.class_token is not None:
            tokens_BND = torch.cat([self.class_token.expand(len(tokens_BND), -1, -1), tokens_BND], dim=1)
        return tokens_BND + self._positions()

    def _positions(self) -> Tensor:
        if self.side == self._grid:
            return self.pos_embedding
        extra = self.pos_embedding.shape[1] - self._grid**2
        grid_DGG = self.pos_embedding[0, extra:].T.reshape(-1, self._grid, self._grid)
        # By matrix products: the gradient of an interpolation is not the same from run to run on a GPU.
        resized_ND = resize_antialiased(grid_DGG, self.side, self.side).flatten(1).T
        return torch.cat([self.pos_embedding[:, :extra], resized_ND[None]], dim=1)


class AsMap(nn.Module):
    """Tokens to a map; the class token has spoken to the patches and goes (Beyer et al. 2022, "Better plain ViT
    baselines": averaged patches serve as well)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self._side = side

    def forward(self, tokens_BND: Tensor) -> Tensor:
        # The class token, where there is one, is in front.
        patches_BND = tokens_BND[:, -(self._side**2) :]
        batch, _, width = patches_BND.shape
        return patches_BND.transpose(1, 2).reshape(batch, width, self._side, self._side)


def _small_convolutions(shape: VisionTransformerConfig) -> nn.Sequential:
    """Each halves the side (Xiao et al. 2021, "Early convolutions help transformers see better"; Hassani et al. 2021,
    compact transformers for small sets); the first ones are narrower."""
    widths = [3, *(shape.width >> (shape.convolutions - 1 - number) for number in range(shape.convolutions))]
    layers: list[nn.Module] = []
    for number in range(shape.convolutions):
        layers += [
            nn.Conv2d(widths[number], widths[number + 1], 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[number + 1]),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(shape.width, shape.width, 1))
