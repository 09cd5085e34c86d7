"""Backbones of networks that see an image as a whole, as data. No torch."""

from dataclasses import replace

from truscore.catalog.networks.configs import OF_LITE, BackboneConfig, VisionTransformerConfig

_RESNET_EARLY = ("conv1", "bn1", "layer1")
_DENSE_EARLY = ("conv0", "norm0", "denseblock1", "transition1")
_FIRST_FOUR = ("0", "1", "2", "3")


def _vision_transformer(name: str, config: VisionTransformerConfig) -> BackboneConfig:
    early = ("embedding", *(f"encoder_layer_{number}" for number in range(config.depth // 2)))
    return BackboneConfig(name=name, channels=config.width, early=early, transformer=config)


RESNET10_SLIM = BackboneConfig(
    name="resnet10_slim",
    channels=256,
    early=_RESNET_EARLY,
    levels=(("layer1", 32), ("layer2", 64), ("layer3", 128), ("layer4", 256)),
)
RESNET18 = BackboneConfig(
    name="resnet18",
    channels=512,
    early=_RESNET_EARLY,
    levels=(("layer1", 64), ("layer2", 128), ("layer3", 256), ("layer4", 512)),
)
RESNET50 = BackboneConfig(
    name="resnet50",
    channels=2048,
    early=_RESNET_EARLY,
    levels=(("layer1", 256), ("layer2", 512), ("layer3", 1024), ("layer4", 2048)),
)
EFFICIENTNET_V2_SLIM = BackboneConfig(name="efficientnet_v2_slim", channels=320, early=_FIRST_FOUR)
EFFICIENTNET_B0 = BackboneConfig(name="efficientnet_b0", channels=1280, early=_FIRST_FOUR)
EFFICIENTNET_V2_S = BackboneConfig(name="efficientnet_v2_s", channels=1280, early=_FIRST_FOUR)
EFFICIENTNET_LITE0 = BackboneConfig(
    name="efficientnet_lite0",
    channels=1280,
    early=_FIRST_FOUR,
    levels=(("2", 24), ("3", 40), ("5", 112), ("7", 320)),
    normalisation=OF_LITE,
)
EFFICIENTNET_LITE0_ALL_STAGES = replace(
    EFFICIENTNET_LITE0,
    levels=(("1", 16), ("2", 24), ("3", 40), ("4", 80), ("5", 112), ("6", 192), ("7", 320), ("8", 1280)),
)
SHUFFLENET_V2_X1_0 = BackboneConfig(name="shufflenet_v2_x1_0", channels=464, early=("conv1", "stage2"))
DENSENET_SLIM = BackboneConfig(name="densenet_slim", channels=136, early=_DENSE_EARLY)
DENSENET121 = BackboneConfig(name="densenet121", channels=1024, early=_DENSE_EARLY)
VIT_COMPACT = _vision_transformer(
    "vit_compact", VisionTransformerConfig(width=96, depth=4, heads=4, patch=8, grid=8, convolutions=3)
)
VIT_TINY_PATCH16 = _vision_transformer(
    "vit_tiny_patch16", VisionTransformerConfig(width=192, depth=12, heads=3, patch=16, grid=14)
)
VIT_B_16 = _vision_transformer("vit_b_16", VisionTransformerConfig(width=768, depth=12, heads=12, patch=16, grid=14))
