"""What builders build: sizes and layers of each family of networks, as data. No torch.

A backbone is a network that classifies, up to its last feature map. Its stages are its children, under the names that
published weights have them under: ``early`` are those that partial freezing keeps still.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Stages = tuple[tuple[str, int], ...]  # names of children, with the channels they give


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """What a body takes images as: red, green and blue from 0 to 1, less the mean, by the deviation."""

    mean_rgb: tuple[float, float, float]
    deviation_rgb: tuple[float, float, float]


# Of ImageNet's images, which most published weights were trained with.
OF_IMAGENET = Normalisation(mean_rgb=(0.485, 0.456, 0.406), deviation_rgb=(0.229, 0.224, 0.225))
# EfficientNet-Lite's: (bytes - 127) / 128, so that their range is that of a signed byte.
OF_LITE = Normalisation(mean_rgb=(127 / 255,) * 3, deviation_rgb=(128 / 255,) * 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Of one network; the type says which builder builds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorConfig(NetworkConfig):
    """What any detector stands on. ``stages`` feed the pyramid, each with half as many places a side as the one before;
    ``top`` is what the pyramid adds above them: "pool", "p6p7" or "none"."""

    backbone: str
    stages: Stages
    early: tuple[str, ...]
    pyramid_channels: int
    top: str = "pool"
    finest_stride: int = 8  # pixels of the image to one place of the first stage
    normalisation: Normalisation = OF_IMAGENET

    @property
    def strides(self) -> tuple[int, ...]:
        """Of the stages, in pixels of the image."""
        return tuple(self.finest_stride << level for level in range(len(self.stages)))


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadSizes:
    """Sizes behind the pyramid. Torchvision's stock heads cost a CPU ten times what a small backbone costs."""

    box_width: int
    mask_channels: tuple[int, ...]
    proposals_train: int
    proposals_test: int
    rois_per_image: int
    detections_per_image: int
    kept_before_suppression_train: int | None = None  # per level; as many as are kept after it, unless set
    kept_before_suppression_test: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskRCNNConfig(DetectorConfig):
    """``anchors`` are sides in pixels, or fractions of the image size where ``anchors_scale``; ``fitted_ratios``
    how many aspect ratios they have that the training boxes give, 0 for the usual three."""

    anchors: tuple[tuple[float, ...], ...]
    anchors_scale: bool
    heads: HeadSizes
    fitted_ratios: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Detectron2Config(MaskRCNNConfig):
    """Mask R-CNN as Detectron2's model zoo trains it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetinaNetConfig(DetectorConfig):
    """``anchors`` are sides in pixels, or fractions of the image size where ``anchors_scale``."""

    anchors: tuple[tuple[float, ...], ...]
    anchors_scale: bool
    detections_per_image: int


@dataclass(frozen=True, kw_only=True, slots=True)
class YOLOXConfig(DetectorConfig):
    """``tower`` counts the convolutions of each branch of the head."""

    tower: int = 2
    detections_per_image: int = 100
    top: str = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """A network of torchvision, or an EfficientNet-Lite, under a segmenter. ``stages`` are the children whose outputs
    are used, fine to coarse; ``options`` go to torchvision.

    ``dilated`` are children whose strides become dilations of this rate: the map stays as fine as before them.
    """

    network: str
    stages: Stages
    early: tuple[str, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    dilated: Mapping[str, int] = field(default_factory=dict)
    normalisation: Normalisation = OF_IMAGENET


@dataclass(frozen=True, kw_only=True, slots=True)
class UNetConfig(NetworkConfig):
    """``decoder_channels`` coarse to fine, one for each stage of the encoder; with one fewer the map ends at the finest
    stage's size, half the square's.

    With ``summed`` the decoder has that many channels throughout and adds what it takes over from the stages; it ends
    at the finest of them.
    """

    encoder: EncoderConfig
    decoder_channels: tuple[int, ...] = ()
    summed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepLabV3Config(NetworkConfig):
    """``rates`` are the dilations of the spatial pyramid, in pixels of the encoder's last map."""

    encoder: EncoderConfig
    width: int
    rates: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class SAMConfig(NetworkConfig):
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


@dataclass(frozen=True, kw_only=True, slots=True)
class VisionTransformerConfig:
    """``grid`` patches a side is what the positions are learned for. With ``convolutions``, patches are read by that
    many small strided convolutions instead of one large one, and there is no class token."""

    width: int
    depth: int
    heads: int
    patch: int
    grid: int
    convolutions: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneConfig:
    """A network that sees an image as a whole. ``channels`` are those of the map it gives; ``levels`` the stages that
    a pyramid can stand on; ``transformer`` its sizes where it is one."""

    name: str
    channels: int
    early: tuple[str, ...]
    levels: Stages = ()
    transformer: VisionTransformerConfig | None = None
    normalisation: Normalisation = OF_IMAGENET


@dataclass(frozen=True, kw_only=True, slots=True)
class GraderConfig(NetworkConfig):
    """A backbone and a head for grades on an ordered scale. With ``statistics`` the head reads every level of the
    backbone, by the statistics of its channels; otherwise the last map."""

    backbone: BackboneConfig
    statistics: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StatisticsCNNConfig(NetworkConfig):
    """``widths`` are the channels of its stages, the first at full resolution."""

    widths: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PyramidScorerConfig(NetworkConfig):
    """A backbone under a feature pyramid of so many ``channels``, and a head for scores."""

    backbone: BackboneConfig
    channels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiLabelConfig(NetworkConfig):
    """``head`` is what each class has of its own: "multi_head", a convolution, or "attention"."""

    head: str
    backbone: BackboneConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class SetNetworkConfig(NetworkConfig):
    """A network on the set of an object's lights: ``width`` channels for each light of a pixel, ``blocks`` in which the
    lights learn of one another."""

    width: int
    blocks: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SpatialSetNetworkConfig(NetworkConfig):
    """A set network that sees what lies around a pixel: ``context`` channels of each view at its full size, twice as
    many at half of it, four times as many at a quarter."""

    width: int
    blocks: int
    context: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UncalibratedSetNetworkConfig(NetworkConfig):
    """A set network whose lights are found by convolutions of so many ``lights`` channels over each view."""

    width: int
    blocks: int
    lights: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceNetworkConfig(NetworkConfig):
    """A network on sets of lights whose normals are integrated: ``context`` channels for what surrounds a pixel.
    With ``refits_lights`` their directions are moved first, to where the normals belong to a surface."""

    width: int
    blocks: int
    context: int
    refits_lights: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiViewNetworkConfig(NetworkConfig):
    """A network on views of several cameras: ``width`` channels that are compared between them, ``volume`` for what a
    place in space is made of that."""

    width: int
    volume: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReflectanceNetworkConfig(NetworkConfig):
    """A network on the set of an object's lights, twice: for normals and for reflectance, whose pixels are divided
    among so many ``materials``."""

    width: int
    blocks: int
    materials: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BrdfNetworkConfig(NetworkConfig):
    """A network of reflectance whose maps so many ``steps`` of a fit begin with."""

    width: int
    blocks: int
    materials: int
    steps: int
