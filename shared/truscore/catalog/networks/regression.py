"""Networks that measure named scores of an image."""

from truscore.catalog.networks.backbones import EFFICIENTNET_LITE0, RESNET10_SLIM, RESNET50
from truscore.catalog.networks.configs import PyramidScorerConfig, StatisticsCNNConfig
from truscore.catalog.networks.network import IMAGENET_OF_LITE0, Network, imagenet

NETWORKS: tuple[Network, ...] = (
    Network(
        name="statistics_cnn",
        implementation="ours, on torch: 4 stages, the first at full resolution, read by mean, deviation and maximum",
        licence="BSD-3-Clause",
        parameters=64_322,
        image_size=96,
        head=True,
        activation_bytes_per_pixel=449,
        config=StatisticsCNNConfig(widths=(16, 24, 32, 48)),
    ),
    Network(
        name="statistics_cnn_wide",
        implementation="ours, on torch: 5 stages, the first at full resolution, read by mean, deviation and maximum",
        licence="BSD-3-Clause",
        parameters=1_058_562,
        image_size=256,
        head=True,
        activation_bytes_per_pixel=1_089,
        config=StatisticsCNNConfig(widths=(32, 64, 96, 128, 192)),
    ),
    Network(
        name="pyramid_resnet10_slim",
        implementation="timm: ResNet-D of 10 layers, 32 to 256 wide, under torchvision's FeaturePyramidNetwork",
        licence="Apache-2.0",
        parameters=1_286_962,
        image_size=96,
        pyramid=True,
        head=True,
        activation_bytes_per_pixel=267,
        config=PyramidScorerConfig(backbone=RESNET10_SLIM, channels=32),
    ),
    Network(
        name="pyramid_efficientnet_lite0",
        implementation="ours, on torch: EfficientNet-Lite0 under torchvision's FeaturePyramidNetwork",
        licence="BSD-3-Clause",
        parameters=3_013_378,
        image_size=128,
        weights=(IMAGENET_OF_LITE0,),
        pyramid=True,
        head=True,
        activation_bytes_per_pixel=1_628,
        config=PyramidScorerConfig(backbone=EFFICIENTNET_LITE0, channels=32),
    ),
    Network(
        name="pyramid_resnet50",
        implementation="torchvision: resnet50 under FeaturePyramidNetwork",
        licence="BSD-3-Clause",
        parameters=24_596_546,
        image_size=256,
        weights=(imagenet("ResNet50"),),
        pyramid=True,
        head=True,
        activation_bytes_per_pixel=1_840,
        config=PyramidScorerConfig(backbone=RESNET50, channels=128),
    ),
)
