"""The networks that RetinaNet and YOLOX are built on, as data: one row per ``base_architecture``."""

from dataclasses import dataclass
from types import MappingProxyType

from truscore.zoo.detection.configs import CARD_ANCHORS, RESNET50_STAGES, Trunk


@dataclass(frozen=True, kw_only=True, slots=True)
class RetinaBase(Trunk):
    """``anchors`` are sides in pixels, or fractions of the image size where ``anchors_scale``."""

    anchors: tuple[tuple[float, ...], ...]
    anchors_scale: bool
    detections_per_image: int


@dataclass(frozen=True, kw_only=True, slots=True)
class YoloxBase(Trunk):
    """``strides`` of the stages in pixels; ``tower`` counts the convolutions of each branch of the head."""

    strides: tuple[int, ...]
    tower: int = 2
    detections_per_image: int = 100
    top: str = "none"


# Three sizes an octave (Lin et al. 2017, section 4).
_OCTAVES = tuple(tuple(float(int(side * 2 ** (third / 3))) for third in range(3)) for side in (32, 64, 128, 256, 512))
_SHUFFLENET_EARLY = ("conv1", "stage2")

RETINA_BASES: MappingProxyType[str, RetinaBase] = MappingProxyType(
    {
        "retinanet_mobilenet_v3_small_fpn": RetinaBase(
            body="mobilenet_v3_small",
            stages=(("3", 24), ("8", 48), ("11", 96)),
            early=("0", "1", "2", "3"),
            pyramid_channels=64,
            anchors=CARD_ANCHORS,
            anchors_scale=True,
            detections_per_image=50,
        ),
        "retinanet_resnet50_fpn": RetinaBase(
            body="resnet50",
            stages=RESNET50_STAGES[1:],
            early=("conv1", "bn1", "layer1"),
            pyramid_channels=256,
            top="p6p7",
            anchors=_OCTAVES,
            anchors_scale=False,
            detections_per_image=300,
        ),
    }
)

YOLOX_BASES: MappingProxyType[str, YoloxBase] = MappingProxyType(
    {
        "yolox_shufflenet_v2_x0_5_pan": YoloxBase(
            body="shufflenet_v2_x0_5",
            stages=(("stage2", 48), ("stage3", 96), ("stage4", 192)),
            early=_SHUFFLENET_EARLY,
            pyramid_channels=64,
            strides=(8, 16, 32),
        ),
        "yolox_shufflenet_v2_x1_0_pan": YoloxBase(
            body="shufflenet_v2_x1_0",
            stages=(("stage2", 116), ("stage3", 232), ("stage4", 464)),
            early=_SHUFFLENET_EARLY,
            pyramid_channels=96,
            strides=(8, 16, 32),
        ),
        "yolox_resnet50_pan": YoloxBase(
            body="resnet50",
            stages=RESNET50_STAGES[1:],
            early=("conv1", "bn1", "layer1"),
            pyramid_channels=256,
            strides=(8, 16, 32),
        ),
    }
)
