"""The networks that Mask R-CNN is built on, as data: one row per ``base_architecture``."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Trunk:
    """What any detector stands on. ``stages`` are the body's children that feed the pyramid, with their channels;
    ``early`` those that partial freezing keeps still; ``top`` what the pyramid adds above them."""

    body: str
    stages: tuple[tuple[str, int], ...]
    early: tuple[str, ...]
    pyramid_channels: int
    top: str = "pool"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heads:
    """Sizes behind the pyramid. Torchvision's stock heads cost a CPU ten times what a small backbone costs."""

    box_width: int
    mask_channels: tuple[int, ...]
    proposals_train: int
    proposals_test: int
    rois_per_image: int
    detections_per_image: int
    kept_before_suppression_train: int | None = None  # per level; as many as are kept after it, unless said
    kept_before_suppression_test: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Base(Trunk):
    """``anchors`` are sides in pixels, or fractions of the image size where ``anchors_scale``."""

    anchors: tuple[tuple[float, ...], ...]
    anchors_scale: bool
    heads: Heads


SMALL_HEADS = Heads(
    box_width=128,
    mask_channels=(32, 32),
    proposals_train=200,
    proposals_test=100,
    rois_per_image=64,
    detections_per_image=50,
)
STOCK_HEADS = Heads(
    box_width=1024,
    mask_channels=(256, 256, 256, 256),
    proposals_train=2000,
    proposals_test=1000,
    rois_per_image=512,
    detections_per_image=100,
)
# Strides 8, 16, 32 and a pooled 64: from a fruit at an eighth of the image to a card that fills it.
CARD_ANCHORS = ((0.06, 0.1, 0.15), (0.2, 0.28, 0.38), (0.5, 0.65, 0.8), (0.95, 1.1, 1.3))
# Strides 4, 8, 16 and a pooled 32: from a dent of a few pixels to a crease across the image.
_DEFECT_ANCHORS = ((0.04, 0.07), (0.11, 0.16), (0.24, 0.36), (0.54, 0.8))
STOCK_ANCHORS = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,))

RESNET50_STAGES = (("layer1", 256), ("layer2", 512), ("layer3", 1024), ("layer4", 2048))


def _small(body: str, stages: tuple[tuple[str, int], ...], early: tuple[str, ...], *, defects: bool = False) -> Base:
    return Base(
        body=body,
        stages=stages,
        early=early,
        pyramid_channels=64,
        anchors=_DEFECT_ANCHORS if defects else CARD_ANCHORS,
        anchors_scale=True,
        heads=SMALL_HEADS,
    )


def _full(body: str, stages: tuple[tuple[str, int], ...], early: tuple[str, ...]) -> Base:
    return Base(
        body=body,
        stages=stages,
        early=early,
        pyramid_channels=256,
        anchors=STOCK_ANCHORS,
        anchors_scale=False,
        heads=STOCK_HEADS,
    )


BASES: MappingProxyType[str, Base] = MappingProxyType(
    {
        "mask_rcnn_mobilenet_v3_large_fpn": _small(
            "mobilenet_v3_large", (("6", 40), ("12", 112), ("15", 160)), ("0", "1", "2", "3", "4", "5", "6")
        ),
        "mask_rcnn_mobilenet_v3_small_fpn": _small(
            "mobilenet_v3_small", (("3", 24), ("8", 48), ("11", 96)), ("0", "1", "2", "3")
        ),
        "mask_rcnn_resnet50_fpn": _full("resnet50", RESNET50_STAGES, ("conv1", "bn1", "layer1")),
        # Three of ResNet-18's four stages: what a defect is, is seen near by.
        "mask_rcnn_resnet18_fpn": _small(
            "resnet18", (("layer1", 64), ("layer2", 128), ("layer3", 256)), ("conv1", "bn1", "layer1"), defects=True
        ),
        # The bodies that NanoDet's published weights fit. Strides 8, 16 and 32 for borders; for defects 4, 8 and 16.
        "mask_rcnn_shufflenet_v2_fpn": _small(
            "shufflenet_v2_x1_0", (("stage2", 116), ("stage3", 232), ("stage4", 464)), ("conv1", "stage2")
        ),
        "mask_rcnn_shufflenet_v2_fine_fpn": _small(
            "shufflenet_v2_x1_0", (("maxpool", 24), ("stage2", 116), ("stage3", 232)), ("conv1", "stage2"), defects=True
        ),
        "mask_rcnn_swin_mini_fpn": _small("swin_mini", (("1", 32), ("3", 64), ("5", 128)), ("0", "1"), defects=True),
        "mask_rcnn_swin_t_fpn": _full("swin_t", (("1", 96), ("3", 192), ("5", 384), ("7", 768)), ("0", "1")),
        "mask_rcnn_convnext_mini_fpn": _small(
            "convnext_mini", (("1", 32), ("3", 64), ("5", 128)), ("0", "1"), defects=True
        ),
        "mask_rcnn_convnext_tiny_fpn": _full(
            "convnext_tiny", (("1", 96), ("3", 192), ("5", 384), ("7", 768)), ("0", "1")
        ),
    }
)
