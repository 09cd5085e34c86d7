"""What can be trained: every row of the product's tables, with what is there today. Data only, no torch."""

from dataclasses import dataclass

from truscore.catalog.export_formats import FORMATS, why_not
from truscore.catalog.networks import NETWORKS, Network
from truscore.catalog.plugins import CATEGORY, PlugIn, RegisteredPlugIn, registered_plugins
from truscore.catalog.purpose import EDGES, EDGES_AND_CENTRING
from truscore.catalog.tasks import TASKS

NOT_YET = "not yet available"
EXPERIMENTAL = CATEGORY
EXPORT_FORMATS = tuple(FORMATS)  # what the exporter can make at all, the default first


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One architecture of one option.

    ``bases`` are the networks it can be built on, ``losses`` what loss_config.primary_loss accepts, where it isn't what
    its task has; both have their default first. ``purpose_metrics`` are what its models are for, its task's where it
    says nothing: the first chooses the best epoch. ``template`` names its default recipes (``truscore.recipes``), and
    ``reason`` says why it can't be trained.
    """

    category: str
    option: str
    architecture: str
    task: str
    bases: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    purpose_metrics: tuple[str, ...] = ()
    template: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.losses and self.task in TASKS:
            object.__setattr__(self, "losses", TASKS[self.task].losses)
        if not self.purpose_metrics and self.task in TASKS:
            object.__setattr__(self, "purpose_metrics", TASKS[self.task].purpose_metrics)

    @property
    def available(self) -> bool:
        return not self.reason

    @property
    def export_formats(self) -> tuple[str, ...]:
        """Files that the exporter can make of it, whatever network it is built on, the default first: orders for others
        are refused before anything is read."""
        return tuple(name for name in FORMATS if not self.why_not(name))

    def why_not(self, format: str) -> str:
        """Why no file of the format can be made of it; empty where one can."""
        if format not in FORMATS:
            return f"there is no such format; accepted: {', '.join(FORMATS)}"
        reasons = (why_not(network_of(base), format) for base in self.bases)
        return next((reason for reason in reasons if reason), "")

    @property
    def learns_from(self) -> str:
        """What a dataset must have: a key of ``index.targets.TARGETS`` (datasets), "" where that is not known."""
        return TASKS[self.task].learns_from if self.task in TASKS else ""


_MASK_RCNN = (
    "mask_rcnn_mobilenet_v3_large_fpn",
    "mask_rcnn_mobilenet_v3_small_fpn",
    "mask_rcnn_shufflenet_v2_fpn",
    "mask_rcnn_resnet50_fpn",
)
_RESNET = ("resnet10_slim", "resnet18", "resnet50")
_VISION_TRANSFORMER = ("vit_compact", "vit_tiny_patch16", "vit_b_16")
_EFFICIENTNET = ("efficientnet_v2_slim", "efficientnet_b0", "efficientnet_v2_s", "shufflenet_v2_x1_0")
_U_NET = ("u_net_shufflenet_v2", "u_net_resnet34")
_DEEPLABV3 = ("deeplabv3_mobilenet_v3_small", "deeplabv3_resnet50")
_SEGMENT_ANYTHING = ("sam_vit_tiny", "sam_vit_base")

# The first architecture of an option is its default.
ROWS: tuple[Row, ...] = (
    Row(
        category="border_detection",
        option="single_class",
        architecture="mask_rcnn",
        task="instance_segmentation",
        bases=_MASK_RCNN,
        purpose_metrics=EDGES,
        template="border_mask_rcnn",
    ),
    Row(
        category="border_detection",
        option="single_class",
        architecture="yolo",
        task="detection",
        bases=("yolox_shufflenet_v2_x0_5_pan", "yolox_shufflenet_v2_x1_0_pan", "yolox_resnet50_pan"),
        losses=("cross_entropy", "focal_loss"),
        purpose_metrics=EDGES,
        template="border_yolo",
    ),
    Row(
        category="border_detection",
        option="single_class",
        architecture="retinanet",
        task="detection",
        bases=("retinanet_mobilenet_v3_small_fpn", "retinanet_resnet50_fpn"),
        purpose_metrics=EDGES,
        template="border_retinanet",
    ),
    Row(
        category="border_detection",
        option="dual_class",
        architecture="mask_rcnn",
        task="instance_segmentation",
        bases=_MASK_RCNN,
        purpose_metrics=EDGES_AND_CENTRING,
        template="border_mask_rcnn",
    ),
    Row(
        category="border_detection",
        option="dual_class",
        architecture="detectron2",
        task="instance_segmentation",
        bases=("detectron2_mask_rcnn_r18_fpn", "detectron2_mask_rcnn_r50_fpn"),
        purpose_metrics=EDGES_AND_CENTRING,
        template="border_detectron2",
    ),
    Row(
        category="corner_analysis",
        option="quality_classification",
        architecture="resnet",
        task="ordinal_classification",
        bases=_RESNET,
        template="grades",
    ),
    Row(
        category="corner_analysis",
        option="quality_classification",
        architecture="vision_transformer",
        task="ordinal_classification",
        bases=_VISION_TRANSFORMER,
        template="grades",
    ),
    Row(
        category="corner_analysis",
        option="quality_classification",
        architecture="efficientnet",
        task="ordinal_classification",
        bases=_EFFICIENTNET,
        template="grades",
    ),
    Row(
        category="corner_analysis",
        option="damage_detection",
        architecture="u_net",
        task="semantic_segmentation",
        bases=_U_NET,
        template="damage_mask_u_net",
    ),
    Row(
        category="corner_analysis",
        option="damage_detection",
        architecture="deeplabv3",
        task="semantic_segmentation",
        bases=_DEEPLABV3,
        template="damage_mask_deeplabv3",
    ),
    Row(
        category="corner_analysis",
        option="damage_detection",
        architecture="segment_anything",
        task="semantic_segmentation",
        bases=_SEGMENT_ANYTHING,
        template="damage_mask_sam",
    ),
    Row(
        category="corner_analysis",
        option="sharpness_rating",
        architecture="custom_cnn",
        task="regression",
        bases=("statistics_cnn", "statistics_cnn_wide"),
        template="sharpness",
    ),
    Row(
        category="corner_analysis",
        option="sharpness_rating",
        architecture="feature_pyramid",
        task="regression",
        bases=("pyramid_resnet10_slim", "pyramid_resnet50"),
        template="sharpness",
    ),
    Row(
        category="edge_analysis",
        option="wear_detection",
        architecture="u_net",
        task="semantic_segmentation",
        bases=_U_NET,
        template="damage_mask_u_net",
    ),
    Row(
        category="edge_analysis",
        option="wear_detection",
        architecture="deeplabv3",
        task="semantic_segmentation",
        bases=_DEEPLABV3,
        template="damage_mask_deeplabv3",
    ),
    Row(
        category="edge_analysis",
        option="wear_detection",
        architecture="segment_anything",
        task="semantic_segmentation",
        bases=_SEGMENT_ANYTHING,
        template="damage_mask_sam",
    ),
    Row(
        category="edge_analysis",
        option="quality_rating",
        architecture="resnet",
        task="ordinal_classification",
        bases=_RESNET,
        template="grades",
    ),
    Row(
        category="edge_analysis",
        option="quality_rating",
        architecture="vision_transformer",
        task="ordinal_classification",
        bases=_VISION_TRANSFORMER,
        template="grades",
    ),
    Row(
        category="edge_analysis",
        option="quality_rating",
        architecture="efficientnet",
        task="ordinal_classification",
        bases=_EFFICIENTNET,
        template="grades",
    ),
    Row(
        category="surface_analysis",
        option="defect_detection",
        architecture="fpn",
        task="instance_segmentation",
        bases=("mask_rcnn_resnet18_fpn", "mask_rcnn_shufflenet_v2_fine_fpn", "mask_rcnn_resnet50_fpn"),
        template="defects",
    ),
    Row(
        category="surface_analysis",
        option="defect_detection",
        architecture="swin_transformer",
        task="instance_segmentation",
        bases=("mask_rcnn_swin_mini_fpn", "mask_rcnn_swin_t_fpn"),
        template="defects",
    ),
    Row(
        category="surface_analysis",
        option="defect_detection",
        architecture="convnext",
        task="instance_segmentation",
        bases=("mask_rcnn_convnext_mini_fpn", "mask_rcnn_convnext_tiny_fpn"),
        template="defects",
    ),
    Row(
        category="surface_analysis",
        option="quality_rating",
        architecture="efficientnet",
        task="ordinal_classification",
        bases=_EFFICIENTNET,
        template="grades",
    ),
    Row(
        category="surface_analysis",
        option="quality_rating",
        architecture="resnet",
        task="ordinal_classification",
        bases=_RESNET,
        template="grades",
    ),
    Row(
        category="surface_analysis",
        option="quality_rating",
        architecture="densenet",
        task="ordinal_classification",
        bases=("densenet_slim", "densenet121"),
        template="grades",
    ),
    Row(
        category="surface_analysis",
        option="damage_classification",
        architecture="multi_head_cnn",
        task="multilabel_classification",
        bases=("multi_head_resnet10_slim", "multi_head_resnet18", "multi_head_resnet50"),
        template="damage_classes",
    ),
    Row(
        category="surface_analysis",
        option="damage_classification",
        architecture="attention_network",
        task="multilabel_classification",
        bases=("attention_resnet10_slim", "attention_resnet18", "attention_resnet50"),
        template="damage_classes",
    ),
    Row(
        category="photometric_stereo",
        option="surface_normal_estimation",
        architecture="ps_net",
        task="normal_estimation",
        reason=NOT_YET,
    ),
    Row(
        category="photometric_stereo",
        option="surface_normal_estimation",
        architecture="neural_surface_reconstruction",
        task="normal_estimation",
        reason=NOT_YET,
    ),
    Row(
        category="photometric_stereo",
        option="reflectance_analysis",
        architecture="reflectance_net",
        task="reflectance_estimation",
        reason=NOT_YET,
    ),
    Row(
        category="photometric_stereo",
        option="reflectance_analysis",
        architecture="brdf_estimation",
        task="reflectance_estimation",
        reason=NOT_YET,
    ),
    Row(
        category="photometric_stereo",
        option="depth_reconstruction",
        architecture="depth_net",
        task="depth_estimation",
        reason=NOT_YET,
    ),
    Row(
        category="photometric_stereo",
        option="depth_reconstruction",
        architecture="multi_view_stereo",
        task="depth_estimation",
        reason=NOT_YET,
    ),
)


def rows() -> tuple[Row, ...]:
    """Every row there is, plug-ins last."""
    return (*ROWS, *_plugged_in())


def categories() -> tuple[str, ...]:
    return (*dict.fromkeys(row.category for row in ROWS), EXPERIMENTAL)


def options(category: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.option for row in _rows_of(category)))


def architectures(category: str, option: str) -> tuple[Row, ...]:
    """Rows of one option, its default architecture first."""
    return tuple(row for row in _rows_of(category) if row.option == option)


def row_of(category: str, option: str, architecture: str) -> Row:
    """The row of that name. Raises KeyError: recipes were checked against the catalog when they were made."""
    for row in architectures(category, option):
        if row.architecture == architecture:
            return row
    raise KeyError(f"{category}/{option}/{architecture} is not in the catalog")


def export_formats(category: str, option: str, architecture: str = "") -> tuple[str, ...]:
    """What can be made of an architecture, "" for the option's default; of one that isn't known, what can be made at
    all."""
    named = [row for row in architectures(category, option) if architecture in ("", row.architecture)]
    return named[0].export_formats if named else EXPORT_FORMATS


def why_not_exported(category: str, option: str, architecture: str, format: str) -> str:
    """Why an architecture, "" for the option's default, has no file of this format; empty where it has."""
    named = [row for row in architectures(category, option) if architecture in ("", row.architecture)]
    return named[0].why_not(format) if named else ("" if format in FORMATS else "there is no such format")


def network_of(base: str) -> Network:
    """What is known of a network, ours or a plug-in's. Raises KeyError."""
    return NETWORKS[base] if base in NETWORKS else _networks_of_plugins()[base][0]


def plug_in_of(base: str) -> PlugIn:
    """The plug-in that brings a network. Raises KeyError."""
    return _networks_of_plugins()[base][1]


def _rows_of(category: str) -> tuple[Row, ...]:
    return _plugged_in() if category == EXPERIMENTAL else tuple(row for row in ROWS if row.category == category)


def _networks_of_plugins() -> dict[str, tuple[Network, PlugIn]]:
    usable = [one.plug_in for one in _registered() if one.plug_in and not one.reason]
    return {network.name: (network, plug_in) for plug_in in usable for network in plug_in.networks}


def _plugged_in() -> tuple[Row, ...]:
    return tuple(
        Row(
            category=EXPERIMENTAL,
            option=one.option,
            architecture=one.architecture,
            task=one.plug_in.task if one.plug_in else "",
            bases=tuple(network.name for network in one.plug_in.networks) if one.plug_in and not one.reason else (),
            reason=one.reason,
        )
        for one in _registered()
    )


def _registered() -> tuple[RegisteredPlugIn, ...]:
    return registered_plugins(tuple(TASKS), tuple(NETWORKS))
