"""What can be trained: every row of the product's tables, with what is there today. Data only, no torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from truscore.catalog.networks import BASES, NETWORKS, Network
from truscore.catalog.plugins import CATEGORY, Found, PlugIn, found_plugins

NOT_YET = "not yet available"
EXPERIMENTAL = CATEGORY


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One architecture of one option; ``bases`` are the networks it can be built on, ``losses`` what
    loss_config.primary_loss accepts; both have their default first."""

    category: str
    option: str
    architecture: str
    task: str
    bases: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    reason: str = ""

    @property
    def available(self) -> bool:
        return not self.reason


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

# Rows whose task isn't their option's: these find boxes without masks.
_TASKS = {
    ("border_detection", "single_class", "yolo"): "detection",
    ("border_detection", "single_class", "retinanet"): "detection",
}

# What loss_config.primary_loss accepts for each task, its default first.
_LOSSES: dict[str, tuple[str, ...]] = {
    "instance_segmentation": ("cross_entropy", "focal_loss"),
    "detection": ("focal_loss", "cross_entropy"),
    "semantic_segmentation": ("cross_entropy", "focal_loss", "dice_loss"),
    "ordinal_classification": ("corn", "coral", "cross_entropy"),
    "regression": ("smooth_l1", "mean_squared_error"),
    "multilabel_classification": ("cross_entropy", "focal_loss"),
}

# Rows whose default isn't their task's: YOLOX chooses its places, and has no need to quieten the others.
_OWN_LOSSES = {("border_detection", "single_class", "yolo"): ("cross_entropy", "focal_loss")}


def _rows() -> Iterator[Row]:
    for category, option, task, architectures in _TABLE:
        for architecture in architectures:
            bases = BASES.get((category, option, architecture), ())
            own_task = _TASKS.get((category, option, architecture), task)
            yield Row(
                category=category,
                option=option,
                architecture=architecture,
                task=own_task,
                bases=bases,
                losses=_OWN_LOSSES.get((category, option, architecture), _LOSSES.get(own_task, ())),
                reason="" if bases else NOT_YET,
            )


ROWS: tuple[Row, ...] = tuple(_rows())  # of the product's tables; plug-ins are found when they are asked for


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


def network_of(base: str) -> Network:
    """What is known of a network, ours or a plug-in's. Raises KeyError."""
    return NETWORKS[base] if base in NETWORKS else _networks_of_plugins()[base][0]


def plug_in_of(base: str) -> PlugIn:
    """The plug-in that brings a network. Raises KeyError."""
    return _networks_of_plugins()[base][1]


def _rows_of(category: str) -> tuple[Row, ...]:
    return _plugged_in() if category == EXPERIMENTAL else tuple(row for row in ROWS if row.category == category)


def _networks_of_plugins() -> dict[str, tuple[Network, PlugIn]]:
    usable = [one.plug_in for one in _found() if one.plug_in and not one.reason]
    return {network.name: (network, plug_in) for plug_in in usable for network in plug_in.networks}


def _plugged_in() -> tuple[Row, ...]:
    return tuple(
        Row(
            category=EXPERIMENTAL,
            option=one.option,
            architecture=one.architecture,
            task=one.plug_in.task if one.plug_in else "",
            bases=tuple(network.name for network in one.plug_in.networks) if one.plug_in and not one.reason else (),
            losses=_LOSSES.get(one.plug_in.task, ()) if one.plug_in else (),
            reason=one.reason,
        )
        for one in _found()
    )


def _found() -> tuple[Found, ...]:
    return found_plugins(tuple(_LOSSES), tuple(NETWORKS))
