"""The networks that Mask R-CNN is built on, as data: one row per ``base_architecture``."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Heads:
    """Sizes behind the pyramid. Torchvision's stock heads cost a CPU ten times what a small backbone costs."""

    box_width: int
    mask_channels: tuple[int, ...]
    proposals_train: int
    proposals_test: int
    rois_per_image: int
    detections_per_image: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """``stages`` are the body's children that feed the pyramid, with their channels; ``early`` those that partial
    freezing keeps still. ``anchors`` are sides in pixels, or fractions of the image size where ``anchors_scale``."""

    body: str
    stages: tuple[tuple[str, int], ...]
    early: tuple[str, ...]
    pyramid_channels: int
    anchors: tuple[tuple[float, ...], ...]
    anchors_scale: bool
    heads: Heads


_SMALL_HEADS = Heads(
    box_width=128,
    mask_channels=(32, 32),
    proposals_train=200,
    proposals_test=100,
    rois_per_image=64,
    detections_per_image=50,
)
_STOCK_HEADS = Heads(
    box_width=1024,
    mask_channels=(256, 256, 256, 256),
    proposals_train=2000,
    proposals_test=1000,
    rois_per_image=512,
    detections_per_image=100,
)
# Strides 8, 16, 32 and a pooled 64: from a fruit at an eighth of the image to a card that fills it.
_SMALL_ANCHORS = ((0.06, 0.1, 0.15), (0.2, 0.28, 0.38), (0.5, 0.65, 0.8), (0.95, 1.1, 1.3))

BASES: MappingProxyType[str, Base] = MappingProxyType(
    {
        "mask_rcnn_mobilenet_v3_large_fpn": Base(
            body="mobilenet_v3_large",
            stages=(("6", 40), ("12", 112), ("15", 160)),
            early=("0", "1", "2", "3", "4", "5", "6"),
            pyramid_channels=64,
            anchors=_SMALL_ANCHORS,
            anchors_scale=True,
            heads=_SMALL_HEADS,
        ),
        "mask_rcnn_mobilenet_v3_small_fpn": Base(
            body="mobilenet_v3_small",
            stages=(("3", 24), ("8", 48), ("11", 96)),
            early=("0", "1", "2", "3"),
            pyramid_channels=64,
            anchors=_SMALL_ANCHORS,
            anchors_scale=True,
            heads=_SMALL_HEADS,
        ),
        "mask_rcnn_resnet50_fpn": Base(
            body="resnet50",
            stages=(("layer1", 256), ("layer2", 512), ("layer3", 1024), ("layer4", 2048)),
            early=("conv1", "bn1", "layer1"),
            pyramid_channels=256,
            anchors=((32,), (64,), (128,), (256,), (512,)),
            anchors_scale=False,
            heads=_STOCK_HEADS,
        ),
    }
)
