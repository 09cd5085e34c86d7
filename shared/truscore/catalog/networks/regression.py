"""Networks that measure named scores of an image."""

from truscore.catalog.networks.network import Network, RowBases

NETWORKS: tuple[Network, ...] = (
    Network(
        name="statistics_cnn",
        implementation="ours, on torch: 4 stages, the first at full resolution, read by mean, deviation and maximum",
        licence="BSD-3-Clause",
        parameters=64_322,
        image_size=96,
        head=True,
    ),
    Network(
        name="statistics_cnn_wide",
        implementation="ours, on torch: 5 stages, the first at full resolution, read by mean, deviation and maximum",
        licence="BSD-3-Clause",
        parameters=1_058_562,
        image_size=256,
        head=True,
    ),
    Network(
        name="pyramid_resnet10_slim",
        implementation="timm: ResNet-D of 10 layers, 32 to 256 wide, under torchvision's FeaturePyramidNetwork",
        licence="Apache-2.0",
        parameters=1_286_962,
        image_size=96,
        pyramid=True,
        head=True,
    ),
    Network(
        name="pyramid_resnet50",
        implementation="torchvision: resnet50 under FeaturePyramidNetwork",
        licence="BSD-3-Clause",
        parameters=24_596_546,
        image_size=256,
        pretrained=("imagenet",),
        pyramid=True,
        head=True,
    ),
)

BASES: RowBases = {
    ("corner_analysis", "sharpness_rating", "custom_cnn"): ("statistics_cnn", "statistics_cnn_wide"),
    ("corner_analysis", "sharpness_rating", "feature_pyramid"): ("pyramid_resnet10_slim", "pyramid_resnet50"),
}
