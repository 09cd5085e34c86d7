"""DeepLabv3 (Chen et al. 2017) on a dilated body, from the decoder of segmentation-models-pytorch.

Legend: B images, C channels, K classes with "nothing" as class 0, S side of the square, s of the body's last map.
"""

from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3Decoder
from torch import Tensor

from truscore.catalog.networks.configs import DeepLabV3Config
from truscore.configuration.recipe import Recipe
from truscore.zoo.configs import config_of
from truscore.zoo.segmentation.segmenter import Segmenter, StagedBackbone, expect_nothing, suit


class DeepLabV3(Segmenter):
    """Looks around each place at several distances at once; draws its maps at the stride of the body."""

    def __init__(self, recipe: Recipe, num_classes: int) -> None:
        base = config_of(recipe, DeepLabV3Config)
        super().__init__(recipe.image_size, base.encoder.normalisation)
        self.backbone = StagedBackbone(base.encoder)
        # A 1 x 1 convolution, three dilated ones and the mean over the image, side by side (figure 5).
        self.decoder = DeepLabV3Decoder(
            in_channels=base.encoder.stages[-1][1],
            out_channels=base.width,
            atrous_rates=base.rates,
            aspp_separable=False,
            aspp_dropout=recipe.loss_config.regularization.dropout,
        )
        # At stride 8; the maps are brought to the square's size by matrix products afterwards.
        self.head = SegmentationHead(base.width, num_classes + 1, kernel_size=1)
        initialize_decoder(self.decoder)
        initialize_head(self.head)
        expect_nothing(self.head[0].bias)
        suit(self, self.backbone.body, recipe, base.encoder.early)

    def logits(self, image_BCSS: Tensor) -> Tensor:
        # Of the stages the decoder reads the last, [B, C, s, s], alone.
        logits_BKss: Tensor = self.head(self.decoder(self.backbone(image_BCSS)))
        return logits_BKss
