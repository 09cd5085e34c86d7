"""Which files can be made of which networks, as data: the capability matrix. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from truscore.catalog.networks.configs import (
    BrdfNetworkConfig,
    Detectron2Config,
    MaskRCNNConfig,
    MultiViewNetworkConfig,
    NetworkConfig,
    ReflectanceNetworkConfig,
    SetNetworkConfig,
    SpatialSetNetworkConfig,
    SurfaceNetworkConfig,
    UncalibratedSetNetworkConfig,
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
                meaning="ONNX in INT8, weights per channel: with explicit quantisation (QDQ) calibrated on training "
                "images or, where that moves answers too far, as detectors' are, weights alone, which makes a file "
                "three times smaller and no faster",
                calibrated=True,
            ),
            ExportFormat(
                name="mobile",
                precision="float",
                runtime="executorch",
                meaning="ExecuTorch's program (.pte) for XNNPACK, for phones; pictures of up to 4096 px a "
                "side, with masks up to 2304 px or less",
            ),
            ExportFormat(
                name="tensorrt",
                precision="float",
                runtime="tensorrt_rtx",
                meaning="an engine of TensorRT for RTX, built ahead of time; in half precision where that is near "
                "enough on training images. Detectors give as many rows as they may find, those beyond what was found "
                "with score 0; of views it takes 4 to 32, up to 832 px a side. Without a GPU at the exporter its graph "
                "is proved and the engine not run",
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

# `python -m tests.bench.exports --run` of Mask R-CNN trained by the recipe on 23 scans, with and without second stage.
_MOVED_IN_INT8 = (
    "boxes move further in INT8 than they may: with activations in INT8 two thirds of what a trained model finds is "
    "lost; with weights alone, 55 of 76 layers in INT16, 1.8 points of box AP and 1.7 px at the edges (accepted 1.0 "
    "and 0.5); with the second stage one side has the line beside it taken"
)
# The same of Detectron2's; two that had not learnt as much passed.
_CENTRING_MOVED_IN_INT8 = (
    "with weights alone in INT8, 29 of 43 layers in INT16, a trained model finds what its checkpoint finds, but "
    "centring moves by 0.14 points (accepted 0.1); with activations in INT8 it moves further"
)
# Tried of set_network, the smallest, with 3 to 16 lights of up to 256 px a side: minutes of a core until it says so.
_RESHAPED_IN_TWO = (
    "torch.export takes it, and XNNPACK's lowering of ExecuTorch 1.5.1 does not: lights and pixels are both free "
    '("XNNPACK reshape only supports 1 dynamic dimension", tried of set_network)'
)
_SEVERAL_INPUTS = (
    "it takes views, lights, black levels and a mask by name; programs of this format take one picture, and one of "
    "several inputs has not yet been proven"
)
# Tried of two scenes of two and three cameras: depths near 100 mm, of which a float holds eight thousandths of a
# micrometre.
_DEPTH_IN_SINGLE = (
    "its engine is built, but TensorRT has no double precision for the equations of its pixels: depths of its graph "
    "move by 0.07 micrometres (accepted 0.02)"
)
_ENGINE_NOT_BUILT = "no engine of TensorRT for RTX has been built of it yet, nor is it written for all pixels of a view"
# Refined by its own lights: 21,966 layers.
_ENGINE_NOT_ENDED = "TensorRT for RTX 1.7 reads its graph of 21,966 layers, and its build did not end within 10 minutes"
_SYSTEMS_IN_INT8 = "it solves equations for each pixel, which has not yet been proven in INT8"
# By type of network and format: the operator at fault and what was tried. Everything else can be made.
_REASONS: Mapping[tuple[type[NetworkConfig], str], str] = MappingProxyType(
    {(MaskRCNNConfig, "quantized"): _MOVED_IN_INT8, (Detectron2Config, "quantized"): _CENTRING_MOVED_IN_INT8}
    | {
        (kind, "mobile"): _RESHAPED_IN_TWO
        for kind in (
            SetNetworkConfig,
            SpatialSetNetworkConfig,
            UncalibratedSetNetworkConfig,
            ReflectanceNetworkConfig,
            BrdfNetworkConfig,
            SurfaceNetworkConfig,
        )
    }
    | {(MultiViewNetworkConfig, "tensorrt"): _DEPTH_IN_SINGLE, (MultiViewNetworkConfig, "mobile"): _SEVERAL_INPUTS}
    | {(UncalibratedSetNetworkConfig, "tensorrt"): _ENGINE_NOT_BUILT}
    | {
        (kind, "quantized"): _SYSTEMS_IN_INT8
        for kind in (
            SetNetworkConfig,
            SpatialSetNetworkConfig,
            UncalibratedSetNetworkConfig,
            SurfaceNetworkConfig,
            MultiViewNetworkConfig,
            ReflectanceNetworkConfig,
            BrdfNetworkConfig,
        )
    }
)
# Tried of a small Mask R-CNN at 64 px: it passes the gate, and an export may take 20 minutes in all.
_STRIPS_OF_EVERY_ROW = (
    "convolutions of as many strips as there are sides are not laid out by ExecuTorch 1.5.1, and those of every row "
    "there may be take 10 minutes to make and prove"
)
# By category, head (custom_modifications.head_customization) and format: what a head adds to a network may be in the
# way of a file that the network without it has.
HEAD_REASONS: Mapping[tuple[str, str, str], str] = MappingProxyType(
    {
        ("border_detection", "phoenix_specialized", "mobile"): _STRIPS_OF_EVERY_ROW,
    }
)
_AS_MANY_TURNS_AS_TILES = (
    "the file goes over a picture in a loop of as many turns as the picture has tiles, "
    + "which torch.export does not follow"
)
# By sampling and format: networks of windows go over a picture tile by tile, inside the file.
SAMPLING_REASONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("windows", "torch_export"): _AS_MANY_TURNS_AS_TILES,
        ("windows", "mobile"): _AS_MANY_TURNS_AS_TILES,
        ("windows", "tensorrt"): "the weights are inside a loop over a picture's tiles, which was not tried in "
        "TensorRT",
        ("windows", "quantized"): "the weights are inside the loop over a picture's tiles, where quantisation does not "
        "reach",
    }
)
_BASE = "architecture_config.base_architecture"
_HEAD = "architecture_config.custom_modifications.head_customization"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hindrance:
    """``choice`` says what is in the way of a file, ``instead`` the key and value with which it can be made."""

    choice: str
    instead: str
    reason: str


# By network and format: one network of a kind whose others can be made.
NETWORK_REASONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("statistics_efficientnet_lite0", "quantized"): "trained on graded slabs, its probabilities moved by 0.22 in "
        "INT8: its head reads means, deviations and maxima of each channel in units of what they vary by over the "
        "training images, which rounding moves more than what other heads read",
    }
)
# The same of networks whose architecture has no others.
_ONLY_NETWORK_REASONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (name, "tensorrt"): _ENGINE_NOT_ENDED
        for name in ("light_refit_surface_network", "light_refit_surface_network_wide")
    }
)
# A plug-in's network is unknown: what any network can be traced to.
_OF_PLUG_INS = ("onnx",)


def why_not(network: Network, format: str) -> str:
    """Why no file of this format can be made of the network; empty where one can."""
    if format not in FORMATS:
        return f"no such format; accepted: {', '.join(FORMATS)}"
    if network.config is None:
        return "" if format in _OF_PLUG_INS else "not proven for networks of plug-ins"
    of_network = NETWORK_REASONS.get((network.name, format)) or _ONLY_NETWORK_REASONS.get((network.name, format))
    return of_network or _REASONS.get((type(network.config), format), "")


def hindrance(*, category: str, base: str, head: str, sampling: str, format: str) -> Hindrance | None:
    """What of a recipe's choices (``base_architecture``, ``custom_modifications.head_customization``, ``sampling``) is
    in the way of a file of this format that the architecture has otherwise; None where nothing is."""
    if reason := NETWORK_REASONS.get((base, format), ""):
        return Hindrance(choice=f"the network {base!r}", instead=f"another {_BASE}", reason=reason)
    if reason := HEAD_REASONS.get((category, head, format), ""):
        return Hindrance(choice=f"the head {head!r}", instead=f"{_HEAD}=standard", reason=reason)
    if reason := SAMPLING_REASONS.get((sampling, format), ""):
        return Hindrance(choice=f"sampling {sampling!r}", instead="sampling=whole", reason=reason)
    return None
