"""What can be trained: every row of the product's tables, with what is there today. Data only, no torch."""

from dataclasses import dataclass

from truscore.catalog.architecture import (
    ATTENTION_NETWORK,
    BRDF_ESTIMATION,
    CONVNEXT,
    CUSTOM_CNN,
    DEEPLABV3,
    DENSENET,
    DEPTH_NET,
    DETECTRON2,
    EFFICIENTNET,
    FEATURE_PYRAMID,
    FPN,
    MASK_RCNN,
    MULTI_HEAD_CNN,
    MULTI_VIEW_STEREO,
    NEURAL_SURFACE_RECONSTRUCTION,
    PS_NET,
    PS_NET_UNCALIBRATED,
    REFLECTANCE_NET,
    RESNET,
    RETINANET,
    SEGMENT_ANYTHING,
    SWIN_TRANSFORMER,
    U_NET,
    VISION_TRANSFORMER,
    YOLO,
    Architecture,
)
from truscore.catalog.export_formats import FORMATS, why_not
from truscore.catalog.networks import NETWORKS, Network
from truscore.catalog.plugins import CATEGORY, PlugIn, RegisteredPlugIn, registered_plugins
from truscore.catalog.purpose import EDGES, EDGES_AND_CENTRING
from truscore.catalog.tasks import TASKS, learns_from

EXPERIMENTAL = CATEGORY
EXPORT_FORMATS = tuple(FORMATS)  # what the exporter can make at all, the default first


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One architecture of one option.

    ``bases`` are the networks it can be built on, ``losses`` what loss_config.primary_loss accepts, where it isn't what
    its task has; both have their default first. ``purpose_metrics`` are what its models are for, its task's where it
    says nothing: the first chooses the best epoch. ``template`` names its default recipes (``truscore.recipes``), and
    ``reason`` says why it can't be trained; ``target`` what it learns from, where that is not what its task does.
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
    target: str = ""

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
        """Files that the exporter can make of it, on one of its networks at least, the default first: orders for others
        are refused before anything is read."""
        return tuple(name for name in FORMATS if not self.why_not(name))

    def why_not(self, format: str) -> str:
        """Why no file of the format can be made of it; empty where one can."""
        if format not in FORMATS:
            return f"there is no such format; accepted: {', '.join(FORMATS)}"
        reasons = [why_not(network_of(base), format) for base in self.bases]
        return reasons[0] if reasons and all(reasons) else ""

    @property
    def learns_from(self) -> str:
        """What a dataset must have: a key of ``index.targets.TARGETS`` (datasets), "" where that is not known."""
        return self.target or learns_from(self.task)


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """What can be learnt in a category, and on which architectures, the default first.

    ``purpose_metrics`` are what its models are for, where that is more than their task says.
    """

    category: str
    name: str
    architectures: tuple[Architecture, ...]
    purpose_metrics: tuple[str, ...] = ()


OPTIONS: tuple[Option, ...] = (
    Option(
        category="border_detection",
        name="single_class",
        architectures=(MASK_RCNN, YOLO, RETINANET),
        purpose_metrics=EDGES,
    ),
    Option(
        category="border_detection",
        name="dual_class",
        architectures=(MASK_RCNN, DETECTRON2),
        purpose_metrics=EDGES_AND_CENTRING,
    ),
    Option(
        category="corner_analysis",
        name="quality_classification",
        architectures=(RESNET, VISION_TRANSFORMER, EFFICIENTNET),
    ),
    Option(category="corner_analysis", name="damage_detection", architectures=(U_NET, DEEPLABV3, SEGMENT_ANYTHING)),
    Option(category="corner_analysis", name="sharpness_rating", architectures=(CUSTOM_CNN, FEATURE_PYRAMID)),
    Option(category="edge_analysis", name="wear_detection", architectures=(U_NET, DEEPLABV3, SEGMENT_ANYTHING)),
    Option(category="edge_analysis", name="quality_rating", architectures=(RESNET, VISION_TRANSFORMER, EFFICIENTNET)),
    Option(category="surface_analysis", name="defect_detection", architectures=(FPN, SWIN_TRANSFORMER, CONVNEXT)),
    Option(category="surface_analysis", name="quality_rating", architectures=(EFFICIENTNET, RESNET, DENSENET)),
    Option(
        category="surface_analysis",
        name="damage_classification",
        architectures=(MULTI_HEAD_CNN, ATTENTION_NETWORK),
    ),
    Option(
        category="photometric_stereo",
        name="surface_normal_estimation",
        architectures=(PS_NET, NEURAL_SURFACE_RECONSTRUCTION, PS_NET_UNCALIBRATED),
    ),
    Option(
        category="photometric_stereo",
        name="reflectance_analysis",
        architectures=(REFLECTANCE_NET, BRDF_ESTIMATION),
    ),
    Option(
        category="photometric_stereo",
        name="depth_reconstruction",
        architectures=(DEPTH_NET, MULTI_VIEW_STEREO),
    ),
)

ROWS: tuple[Row, ...] = tuple(
    Row(
        category=option.category,
        option=option.name,
        architecture=architecture.name,
        task=architecture.task,
        bases=architecture.bases,
        losses=architecture.losses,
        purpose_metrics=option.purpose_metrics,
        template=architecture.template,
        reason=architecture.reason,
        target=architecture.target,
    )
    for option in OPTIONS
    for architecture in option.architectures
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
