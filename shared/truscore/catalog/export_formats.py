"""Which files can be made of which networks, as data: the capability matrix. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from truscore.catalog.networks.configs import (
    Detectron2Config,
    MaskRCNNConfig,
    NetworkConfig,
    RetinaNetConfig,
    YOLOXConfig,
)
from truscore.catalog.networks.network import Network


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportFormat:
    """A kind of model file. ``precision`` is "float" or "int8"; ``calibrated``: whether training images are needed to
    make it."""

    name: str
    precision: str
    runtime: str  # what loads it
    meaning: str
    calibrated: bool = False


# What the exporter can make at all, the default first.
FORMATS: Mapping[str, ExportFormat] = MappingProxyType(
    {
        each.name: each
        for each in (
            ExportFormat(
                name="onnx",
                precision="float",
                runtime="onnxruntime",
                meaning="ONNX in float32: one graph from the picture to the answers",
            ),
            ExportFormat(
                name="quantized",
                precision="int8",
                runtime="onnxruntime",
                meaning="ONNX in INT8 with explicit quantisation (QDQ), weights per channel, calibrated on training "
                "images",
                calibrated=True,
            ),
            ExportFormat(
                name="torch_export",
                precision="float",
                runtime="torch",
                meaning="torch.export's program (.pt2), for engines in Python and AOTInductor",
            ),
        )
    }
)

_ADAPTIVE_SAMPLES = (
    "regions are pooled (torchvision::roi_align) with as many samples as they have pixels, a number that depends on "
    "what the picture shows; torch.export refuses to branch on it, and the most that there can be is hundreds of times "
    "as many"
)
_UNPROVEN_IN_INT8 = "its boxes are not yet proven in INT8: no detector's QDQ graph has passed the gate"
_DETECTORS: tuple[type[NetworkConfig], ...] = (MaskRCNNConfig, Detectron2Config, RetinaNetConfig, YOLOXConfig)
# By type of network and format: the operator at fault and what was tried. Everything else can be made.
_REASONS: Mapping[tuple[type[NetworkConfig], str], str] = MappingProxyType(
    {(Detectron2Config, "torch_export"): _ADAPTIVE_SAMPLES}
    | {(kind, "quantized"): _UNPROVEN_IN_INT8 for kind in _DETECTORS}
)
_AS_MANY_STRIPS_AS_SIDES = (
    "the second stage looks at as many strips as it finds sides, a number that depends on what the picture shows; "
    "torch.export refuses to branch on it"
)
# By category, head (custom_modifications.head_customization) and format: what a head adds to a network may be in the
# way of a file that the network without it has.
HEAD_REASONS: Mapping[tuple[str, str, str], str] = MappingProxyType(
    {("border_detection", "phoenix_specialized", "torch_export"): _AS_MANY_STRIPS_AS_SIDES}
)
# A plug-in's network is unknown: what any network can be traced to.
_OF_PLUG_INS = ("onnx",)


def why_not(network: Network, format: str) -> str:
    """Why no file of this format can be made of the network; empty where one can."""
    if format not in FORMATS:
        return f"no such format; accepted: {', '.join(FORMATS)}"
    if network.config is None:
        return "" if format in _OF_PLUG_INS else "not proven for networks of plug-ins"
    return _REASONS.get((type(network.config), format), "")


def why_not_with_head(category: str, head: str, format: str) -> str:
    """Why no file of this format can be made of a network with this head in this category, whatever the network; empty
    where the head is not in the way."""
    return HEAD_REASONS.get((category, head, format), "")
