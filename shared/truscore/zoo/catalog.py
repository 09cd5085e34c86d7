"""What can be trained: every row of the product's tables, with what is there today. Data only, no torch."""

from collections.abc import Iterator
from dataclasses import dataclass

NOT_YET = "not yet available"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One architecture of one option; ``bases`` are the networks it can be built on."""

    category: str
    option: str
    architecture: str
    task: str
    bases: tuple[str, ...] = ()
    reason: str = ""

    @property
    def available(self) -> bool:
        return not self.reason


MASK_RCNN_BASES = (
    "mask_rcnn_mobilenet_v3_large_fpn",
    "mask_rcnn_mobilenet_v3_small_fpn",
    "mask_rcnn_resnet50_fpn",
)

_GRADERS = ("resnet", "vision_transformer", "efficientnet")
_SEGMENTERS = ("u_net", "deeplabv3", "segment_anything")

# category, option, task, architectures; the first architecture is the option's default.
_TABLE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("border_detection", "single_class", "instance_segmentation", ("mask_rcnn", "yolo", "retinanet")),
    ("border_detection", "dual_class", "instance_segmentation", ("mask_rcnn", "detectron2")),
    ("corner_analysis", "quality_classification", "ordinal_classification", _GRADERS),
    ("corner_analysis", "damage_detection", "semantic_segmentation", _SEGMENTERS),
    ("corner_analysis", "sharpness_rating", "regression", ("custom_cnn", "feature_pyramid")),
    ("edge_analysis", "wear_detection", "semantic_segmentation", _SEGMENTERS),
    ("edge_analysis", "quality_rating", "ordinal_classification", _GRADERS),
    ("surface_analysis", "defect_detection", "instance_segmentation", ("fpn", "swin_transformer", "convnext")),
    ("surface_analysis", "quality_rating", "ordinal_classification", ("efficientnet", "resnet", "densenet")),
    (
        "surface_analysis",
        "damage_classification",
        "multilabel_classification",
        ("multi_head_cnn", "attention_network"),
    ),
    (
        "photometric_stereo",
        "surface_normal_estimation",
        "normal_estimation",
        ("ps_net", "neural_surface_reconstruction"),
    ),
    ("photometric_stereo", "reflectance_analysis", "reflectance_estimation", ("reflectance_net", "brdf_estimation")),
    ("photometric_stereo", "depth_reconstruction", "depth_estimation", ("depth_net", "multi_view_stereo")),
)

_BASES: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("border_detection", "single_class", "mask_rcnn"): MASK_RCNN_BASES,
    ("border_detection", "dual_class", "mask_rcnn"): MASK_RCNN_BASES,
}


def _rows() -> Iterator[Row]:
    for category, option, task, architectures in _TABLE:
        for architecture in architectures:
            bases = _BASES.get((category, option, architecture), ())
            yield Row(
                category=category,
                option=option,
                architecture=architecture,
                task=task,
                bases=bases,
                reason="" if bases else NOT_YET,
            )


ROWS: tuple[Row, ...] = tuple(_rows())


def categories() -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.category for row in ROWS))


def options(category: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.option for row in ROWS if row.category == category))


def architectures(category: str, option: str) -> tuple[Row, ...]:
    """Rows of one option, its default architecture first."""
    return tuple(row for row in ROWS if (row.category, row.option) == (category, option))
