"""U-Net (Ronneberger et al. 2015) on a published body, from the decoder of segmentation-models-pytorch.

Legend: B images, C channels, K classes with "nothing" as class 0, S side of the square.
"""

from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
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
        self.decoder = UnetDecoder(
            encoder_channels=(3, *(channels for _, channels in base.encoder.stages)),
            decoder_channels=base.decoder_channels,
            n_blocks=len(base.decoder_channels),
            attention_type="scse" if specialized else None,
        )
        # The step to the square's own size takes over nothing: what would weigh it were never trained.
        if len(base.decoder_channels) == len(base.encoder.stages):
            self.decoder.blocks[-1].attention1 = nn.Identity()
        # Whole maps are dropped: neighbouring pixels of one map say nearly the same (Tompson et al. 2015, "Efficient
        # object localization", section 3.2).
        self.dropout = nn.Dropout2d(recipe.loss_config.regularization.dropout)
        self.head = SegmentationHead(base.decoder_channels[-1], num_classes + 1)
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
