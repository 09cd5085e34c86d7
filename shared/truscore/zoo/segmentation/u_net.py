"""U-Net (Ronneberger et al. 2015) on a published body, from the decoder of segmentation-models-pytorch or a slim one.

Legend: B images, C channels, K classes with "nothing" as class 0, S side of the square.
"""

from collections.abc import Sequence

from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.base.modules import Attention
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn

from truscore.catalog.networks.configs import UNetConfig
from truscore.configuration.recipe import Recipe
from truscore.zoo.configs import config_of
from truscore.zoo.resize import doubled
from truscore.zoo.segmentation.segmenter import Segmenter, StagedBackbone, expect_nothing, suit


class UNet(Segmenter):
    """Its ``phoenix_specialized`` head weighs what it takes over from the body, by channel and by place, before it
    mixes them ("scSE", Roy et al. 2018): worn edges are a few pixels among artwork that the fine stages see as well.
    """

    def __init__(self, recipe: Recipe, num_classes: int) -> None:
        base = config_of(recipe, UNetConfig)
        super().__init__(recipe.image_size, base.encoder.normalisation)
        specialized = recipe.architecture_config.custom_modifications.head_customization == "phoenix_specialized"
        self.backbone = StagedBackbone(base.encoder)
        make_decoder = SummedDecoder if base.summed else _concatenating
        self.decoder = make_decoder(base, "scse" if specialized else None)
        # Whole maps are dropped: neighbouring pixels of one map say nearly the same (Tompson et al. 2015, "Efficient
        # object localization", section 3.2).
        self.dropout = nn.Dropout2d(recipe.loss_config.regularization.dropout)
        width = base.summed or base.decoder_channels[-1]
        self.head = SegmentationHead(width, num_classes + 1, kernel_size=1 if base.summed else 3)
        initialize_decoder(self.decoder)
        initialize_head(self.head)
        expect_nothing(self.head[0].bias)
        suit(self, self.backbone.body, recipe, base.encoder.early)

    def logits(self, image_BCSS: Tensor) -> Tensor:
        # Finest first, the image itself as level 0: the decoder takes no features from it, and counts it.
        maps = [image_BCSS, *self.backbone(image_BCSS)]
        logits_BKSS: Tensor = self.head(self.dropout(self.decoder(maps)))
        return logits_BKSS

    def _upsampled(self, map_BKss: Tensor) -> Tensor:
        if 2 * map_BKss.shape[-1] == self.image_size:
            return doubled(map_BKss.float())
        return super()._upsampled(map_BKss)


class SummedDecoder(nn.Module):
    """Maps of the stages at one width, each added to the coarser one at twice its size, and two convolutions on the
    finest (Lin et al. 2017, "Feature pyramid networks"; Kirillov et al. 2019, "Panoptic feature pyramid networks").

    Nothing but the projections stands between a stage and the answer: on a body that is left as it is, that is less to
    learn from few images than a U-Net's block for each stage.
    """

    def __init__(self, base: UNetConfig, attention: str | None) -> None:
        super().__init__()
        width, stages = base.summed, base.encoder.stages
        self.attentions = nn.ModuleList(Attention(attention, in_channels=channels) for _, channels in stages)
        self.projections = nn.ModuleList(nn.Conv2d(channels, width, 1) for _, channels in stages)
        self.smoothing = nn.Sequential(*(_convolution(width) for _ in range(2)))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """``maps`` finest first, the image itself as level 0, of which nothing is taken; [B, C, s, s] of the finest
        stage."""
        *finer, coarsest = [
            project(weigh(map_BCss))
            for weigh, project, map_BCss in zip(self.attentions, self.projections, maps[1:], strict=True)
        ]
        summed_BCss: Tensor = coarsest
        for map_BCss in reversed(finer):
            summed_BCss = map_BCss + nn.functional.interpolate(summed_BCss, size=map_BCss.shape[-2:], mode="nearest")
        smoothed_BCss: Tensor = self.smoothing(summed_BCss)
        return smoothed_BCss


def _convolution(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


def _concatenating(base: UNetConfig, attention: str | None) -> UnetDecoder:
    decoder = UnetDecoder(
        encoder_channels=(3, *(channels for _, channels in base.encoder.stages)),
        decoder_channels=base.decoder_channels,
        n_blocks=len(base.decoder_channels),
        attention_type=attention,
    )
    # The step to the square's own size takes over nothing: what would weigh it were never trained.
    if len(base.decoder_channels) == len(base.encoder.stages):
        decoder.blocks[-1].attention1 = nn.Identity()
    return decoder
