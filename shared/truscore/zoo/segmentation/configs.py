"""The networks that segmenters are built on, as data: one row per ``base_architecture``. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """A torchvision network up to its last feature map. ``stages`` are the children whose outputs are used, with their
    channels, fine to coarse; ``early`` those that partial freezing keeps still; ``options`` go to torchvision.

    ``dilated`` are children whose strides become dilations of this rate: the map stays as fine as before them.
    """

    network: str
    stages: tuple[tuple[str, int], ...]
    early: tuple[str, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    dilated: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class UNetBase:
    """``decoder_channels`` coarse to fine, one for each stage of the body."""

    body: Body
    decoder_channels: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepLabBase:
    """``rates`` are the dilations of the spatial pyramid, in pixels of the body's last map."""

    body: Body
    width: int
    rates: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class SamBase:
    """Sizes of the image encoder (``vision_`` in SAM's own words) and of the mask decoder behind it."""

    width: int
    layers: int
    heads: int
    patch_px: int
    window: int
    global_layers: tuple[int, ...]
    decoder_width: int
    decoder_heads: int
    decoder_hidden: int
    early_layers: int  # that partial freezing keeps still, beside the patches' embedding


_RESNET_EARLY = ("conv1", "bn1", "layer1")

U_NETS: Mapping[str, UNetBase] = MappingProxyType(
    {
        "u_net_shufflenet_v2": UNetBase(
            body=Body(
                network="shufflenet_v2_x1_0",
                stages=(("conv1", 24), ("maxpool", 24), ("stage2", 116), ("stage3", 232), ("stage4", 464)),
                early=("conv1", "stage2"),
            ),
            decoder_channels=(96, 64, 32, 24, 16),
        ),
        "u_net_resnet34": UNetBase(
            body=Body(
                network="resnet34",
                stages=(("relu", 64), ("layer1", 64), ("layer2", 128), ("layer3", 256), ("layer4", 512)),
                early=_RESNET_EARLY,
            ),
            decoder_channels=(256, 128, 64, 32, 16),
        ),
    }
)

DEEPLABS: Mapping[str, DeepLabBase] = MappingProxyType(
    {
        # Stride 8, too. The paper's rates are made for maps of 65 pixels a side; these see 20 (at 160 px), where such
        # filters would shrink to their middle (Chen et al. 2017, section 3.3).
        "deeplabv3_mobilenet_v3_small": DeepLabBase(
            body=Body(
                network="mobilenet_v3_small",
                stages=(("12", 576),),
                early=("0", "1", "2", "3"),
                dilated={**dict.fromkeys(("4", "5", "6", "7", "8"), 2), **dict.fromkeys(("9", "10", "11"), 4)},
            ),
            width=64,
            rates=(3, 6, 9),
        ),
        # Stride 8, as torchvision publishes it.
        "deeplabv3_resnet50": DeepLabBase(
            body=Body(
                network="resnet50",
                stages=(("layer4", 2048),),
                early=_RESNET_EARLY,
                options={"replace_stride_with_dilation": (False, True, True)},
            ),
            width=256,
            rates=(12, 24, 36),
        ),
    }
)

SAMS: Mapping[str, SamBase] = MappingProxyType(
    {
        # Of SAM's shape, at a size that a CPU trains from scratch.
        "sam_vit_tiny": SamBase(
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
        "sam_vit_base": SamBase(
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
    }
)
