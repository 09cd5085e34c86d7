"""Networks that find what each pixel shows."""

from dataclasses import replace

from truscore.catalog.networks.configs import OF_LITE, DeepLabV3Config, EncoderConfig, SAMConfig, UNetConfig
from truscore.catalog.networks.network import IMAGENET_OF_LITE0, Network, PublishedWeights, imagenet

_RESNET_EARLY = ("conv1", "bn1", "layer1")
_LITE_0 = EncoderConfig(
    network="efficientnet_lite0",
    stages=(("1", 16), ("2", 24), ("3", 40), ("5", 112), ("7", 320)),
    early=("0", "1", "2", "3"),
    normalisation=OF_LITE,
)

NETWORKS: tuple[Network, ...] = (
    Network(
        name="u_net_shufflenet_v2",
        implementation="segmentation-models-pytorch: UnetDecoder; torchvision: shufflenet_v2_x1_0",
        licence="MIT AND BSD-3-Clause",
        parameters=1_678_647,
        image_size=160,
        weights=(
            imagenet("ShuffleNet_V2_X1_0"),
            PublishedWeights(name="nanodet"),
        ),
        head=True,
        activation_bytes_per_pixel=1_001,
        config=UNetConfig(
            encoder=EncoderConfig(
                network="shufflenet_v2_x1_0",
                stages=(("conv1", 24), ("maxpool", 24), ("stage2", 116), ("stage3", 232), ("stage4", 464)),
                early=("conv1", "stage2"),
            ),
            decoder_channels=(96, 64, 32, 24, 16),
        ),
    ),
    Network(
        name="u_net_efficientnet_lite0",
        implementation="segmentation-models-pytorch: UnetDecoder; ours, on torch: EfficientNet-Lite0",
        licence="MIT AND BSD-3-Clause",
        parameters=3_587_475,
        image_size=160,
        weights=(IMAGENET_OF_LITE0,),
        head=True,
        activation_bytes_per_pixel=2_174,
        config=UNetConfig(
            encoder=_LITE_0,
            decoder_channels=(96, 64, 32, 24, 16),
        ),
    ),
    # Output stride 2: the decoder leaves out the step to the square's own size, which marks are wider than.
    Network(
        name="u_net_efficientnet_lite0_os2",
        implementation="segmentation-models-pytorch: UnetDecoder; ours, on torch: EfficientNet-Lite0",
        licence="MIT AND BSD-3-Clause",
        parameters=3_581_867,
        image_size=160,
        weights=(IMAGENET_OF_LITE0,),
        head=True,
        activation_bytes_per_pixel=1_824,
        config=UNetConfig(
            encoder=_LITE_0,
            decoder_channels=(96, 64, 32, 24),
        ),
    ),
    # Few weights to learn beside a body that is left as it is: sets of some hundred images tell no more of them apart.
    Network(
        name="u_net_efficientnet_lite0_slim",
        implementation="ours, on torch: EfficientNet-Lite0 and a decoder of sums",
        licence="BSD-3-Clause",
        parameters=2_993_507,
        image_size=160,
        weights=(IMAGENET_OF_LITE0,),
        head=True,
        activation_bytes_per_pixel=1_629,
        config=UNetConfig(
            encoder=replace(_LITE_0, stages=_LITE_0.stages[1:]),
            summed=32,
        ),
    ),
    Network(
        name="u_net_resnet34",
        implementation="segmentation-models-pytorch: UnetDecoder; torchvision: resnet34",
        licence="MIT AND BSD-3-Clause",
        parameters=24_436_659,
        image_size=512,
        weights=(imagenet("ResNet34"),),
        head=True,
        activation_bytes_per_pixel=1_478,
        config=UNetConfig(
            encoder=EncoderConfig(
                network="resnet34",
                stages=(("relu", 64), ("layer1", 64), ("layer2", 128), ("layer3", 256), ("layer4", 512)),
                early=_RESNET_EARLY,
            ),
            decoder_channels=(256, 128, 64, 32, 16),
        ),
    ),
    Network(
        name="deeplabv3_mobilenet_v3_small",
        implementation="segmentation-models-pytorch: DeepLabV3Decoder; torchvision: mobilenet_v3_small",
        licence="MIT AND BSD-3-Clause",
        parameters=2_054_499,
        image_size=160,
        weights=(imagenet("MobileNet_V3_Small"),),
        activation_bytes_per_pixel=477,
        # Stride 8, as torchvision publishes the other. The paper's rates are made for maps of 65 pixels a side; these
        # see 20 (at 160 px), where such filters would shrink to their middle (Chen et al. 2017, section 3.3).
        config=DeepLabV3Config(
            encoder=EncoderConfig(
                network="mobilenet_v3_small",
                stages=(("12", 576),),
                early=("0", "1", "2", "3"),
                dilated={**dict.fromkeys(("4", "5", "6", "7", "8"), 2), **dict.fromkeys(("9", "10", "11"), 4)},
            ),
            width=64,
            rates=(3, 6, 9),
        ),
    ),
    Network(
        name="deeplabv3_resnet50",
        implementation="segmentation-models-pytorch: DeepLabV3Decoder; torchvision: resnet50",
        licence="MIT AND BSD-3-Clause",
        parameters=39_634_243,
        image_size=512,
        weights=(
            imagenet("ResNet50"),
            PublishedWeights(name="coco", torchvision="DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1"),
        ),
        activation_bytes_per_pixel=4_061,
        config=DeepLabV3Config(
            encoder=EncoderConfig(
                network="resnet50",
                stages=(("layer4", 2048),),
                early=_RESNET_EARLY,
                options={"replace_stride_with_dilation": (False, True, True)},
            ),
            width=256,
            rates=(12, 24, 36),
        ),
    ),
    # Of SAM's shape, at a size that a CPU trains from scratch.
    Network(
        name="sam_vit_tiny",
        implementation="transformers: SamVisionEncoder and SamMaskDecoder, small",
        licence="Apache-2.0",
        parameters=677_314,
        image_size=160,
        activation_bytes_per_pixel=870,
        config=SAMConfig(
            width=96,
            layers=4,
            heads=3,
            patch_px=8,
            window=6,
            global_layers=(1, 3),
            decoder_width=64,
            decoder_heads=4,
            decoder_hidden=128,
            early_layers=2,
        ),
    ),
    Network(
        name="sam_vit_base",
        implementation="transformers: SamVisionEncoder and SamMaskDecoder",
        licence="Apache-2.0",
        parameters=90_053_762,
        image_size=512,
        weights=(PublishedWeights(name="sa_1b"),),
        activation_bytes_per_pixel=4_580,
        config=SAMConfig(
            width=768,
            layers=12,
            heads=12,
            patch_px=16,
            window=14,
            global_layers=(2, 5, 8, 11),
            decoder_width=256,
            decoder_heads=8,
            decoder_hidden=2048,
            early_layers=6,
        ),
    ),
)
