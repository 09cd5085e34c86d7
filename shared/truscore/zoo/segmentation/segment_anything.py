"""Segment Anything (Kirillov et al. 2023) finding damage by itself, from the modules of transformers.

SAM answers prompts. Here each class of damage is a prompt: a box around the whole image, which SAM knows, and beside
it a token that is learned (learned class prompts: Chen et al. 2023, "RSPrompter"; Yue et al. 2024, "SurgicalSAM").
Image encoder and mask decoder are trained with it, and keep the shapes of the published weights.

Legend: B images, C channels, D damages, K = D + 1 classes with "nothing" as class 0, S side of the square, P of the
square padded to whole patches, g patches a side.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from transformers.models.sam.configuration_sam import SamMaskDecoderConfig, SamVisionConfig
from transformers.models.sam.modeling_sam import SamMaskDecoder, SamPositionalEmbedding, SamVisionEncoder

from truscore.catalog.networks.configs import SAMConfig
from truscore.configuration.recipe import Recipe
from truscore.zoo.configs import config_of
from truscore.zoo.resize import resize_antialiased
from truscore.zoo.segmentation.sam_weights import as_ours
from truscore.zoo.segmentation.segmenter import PRIOR, Segmenter, suit


class SegmentAnything(Segmenter):
    """A damage's logit is SAM's own mask logit with a bias, that of "nothing" is 0: with one class and no bias, the
    probability is SAM's."""

    def __init__(self, recipe: Recipe, num_classes: int) -> None:
        super().__init__(recipe.image_size)
        base = config_of(recipe, SAMConfig)
        patches = math.ceil(recipe.image_size / base.patch_px)
        self._padded_size = patches * base.patch_px
        vision = _vision_config(base, self._padded_size)
        self.backbone = SamBackbone(vision)
        self.dropout = nn.Dropout2d(recipe.loss_config.regularization.dropout)
        self.prompts = ClassPrompts(vision, num_classes, patches)
        self.decoder = SamMaskDecoder(_decoder_config(base))
        # SAM's guess of its own overlap picks among several masks; here is one for each class.
        self.decoder.iou_prediction_head = nn.Identity()
        self.bias_D = nn.Parameter(torch.full((num_classes,), math.log(PRIOR / (1 - PRIOR))))
        early = ("patch_embed", "pos_embed", *(f"layers.{number}" for number in range(base.early_layers)))
        suit(self, self.backbone.body, recipe, early)

    def logits(self, image_BCSS: Tensor) -> Tensor:
        margin = self._padded_size - self.image_size
        image_BCPP = nn.functional.pad(image_BCSS, (0, margin, 0, margin))
        seen_BCgg = self.dropout(self.backbone(image_BCPP))
        places_1Cgg, prompts_1DTC, no_mask_1C11 = self.prompts()
        batch = len(image_BCSS)
        # Each prompt by itself against one image embedding; the decoder draws m = 4 g places a side.
        masks_BD1mm, _ = self.decoder(
            image_embeddings=seen_BCgg,
            image_positional_embeddings=places_1Cgg.expand(batch, -1, -1, -1),
            sparse_prompt_embeddings=prompts_1DTC.expand(batch, -1, -1, -1),
            dense_prompt_embeddings=no_mask_1C11,
            multimask_output=False,
        )
        with torch.autocast(masks_BD1mm.device.type, enabled=False):
            damage_BDPP = resize_antialiased(masks_BD1mm[:, :, 0].float(), self._padded_size, self._padded_size)
        damage_BDSS = damage_BDPP[..., : self.image_size, : self.image_size] + self.bias_D[:, None, None]
        return torch.cat([torch.zeros_like(damage_BDSS[:, :1]), damage_BDSS], dim=1)

    def published(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights under transformers' or Meta's names, as this network has them. See ``load_pretrained``."""
        ours = as_ours(found, self.state_dict())
        # Published masks come with what is rare and what is not.
        return {"bias_D": torch.zeros_like(self.bias_D), **ours}


class SamBackbone(nn.Module):
    """SAM's image encoder as ``body``: [B, C, g, g] of padded images."""

    def __init__(self, config: SamVisionConfig) -> None:
        super().__init__()
        self.body = SamVisionEncoder(config)

    def forward(self, image_BCPP: Tensor) -> Tensor:
        seen_BCgg: Tensor = self.body(image_BCPP).last_hidden_state
        return seen_BCgg


class ClassPrompts(nn.Module):
    """The part of SAM's prompt encoder that is needed, and a token for each class."""

    def __init__(self, config: SamVisionConfig, num_classes: int, patches: int) -> None:
        super().__init__()
        self._patches = patches
        self.shared_embedding = SamPositionalEmbedding(config)
        # Fixed waves, drawn once or published with the weights. At deviation 1, as SAM has them; transformers scales
        # them by the width of the encoder, which leaves noise where nothing is published.
        nn.init.normal_(self.shared_embedding.positional_embedding).requires_grad_(False)
        self.corner_embed = nn.Embedding(2, config.output_channels)
        self.no_mask_embed = nn.Embedding(1, config.output_channels)
        self.class_embed = nn.Embedding(num_classes, config.output_channels)

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """Embedded places [1, C, g, g], prompts [1, D, 3, C] and the word for "no mask was given" [1, C, 1, 1]."""
        # Middles of the patches, from 0 to 1 (Tancik et al. 2020, "Fourier features": sine and cosine of random waves).
        at_g = (torch.arange(self._patches, device=self.class_embed.weight.device) + 0.5) / self._patches
        places_gg2 = torch.stack(torch.meshgrid(at_g, at_g, indexing="xy"), dim=-1)
        places_1Cgg = self.shared_embedding(places_gg2).permute(2, 0, 1)[None]
        # The box that is the image: its upper left and lower right corner.
        corners_22 = torch.tensor([[0.0, 0.0], [1.0, 1.0]], device=at_g.device)
        box_2C = self.shared_embedding(corners_22) + self.corner_embed.weight
        class_D1C = self.class_embed.weight[:, None]
        prompts_DTC = torch.cat([box_2C.expand(len(class_D1C), -1, -1), class_D1C], dim=1)
        return places_1Cgg, prompts_DTC[None], self.no_mask_embed.weight[:, :, None, None]


def _vision_config(base: SAMConfig, image_size: int) -> SamVisionConfig:
    config = SamVisionConfig(
        hidden_size=base.width,
        output_channels=base.decoder_width,
        num_hidden_layers=base.layers,
        num_attention_heads=base.heads,
        image_size=image_size,
        patch_size=base.patch_px,
        window_size=base.window,
        global_attn_indexes=list(base.global_layers),
        num_pos_feats=base.decoder_width // 2,
        # The library's own default is next to nothing: it expects weights to be loaded.
        initializer_range=0.02,
    )
    # Plain products: with their bias of places, the fused kernels' gradients have no fixed order on a GPU.
    config._attn_implementation = "eager"
    return config


def _decoder_config(base: SAMConfig) -> SamMaskDecoderConfig:
    config = SamMaskDecoderConfig(
        hidden_size=base.decoder_width,
        mlp_dim=base.decoder_hidden,
        num_attention_heads=base.decoder_heads,
        num_multimask_outputs=0,
    )
    config._attn_implementation = "eager"
    return config
