"""Every format that can be made here, by name. A test counts it against the catalog."""

from collections.abc import Mapping
from types import MappingProxyType

from services.exporter.child.formats.mobile.format import MOBILE
from services.exporter.child.formats.onnx.format import ONNX
from services.exporter.child.formats.protocol import Format
from services.exporter.child.formats.quantized.format import QUANTIZED
from services.exporter.child.formats.tensorrt.format import TENSORRT
from services.exporter.child.formats.torch_export.format import TORCH_EXPORT

FORMATS: Mapping[str, Format] = MappingProxyType(
    {format.name: format for format in (ONNX, QUANTIZED, MOBILE, TENSORRT, TORCH_EXPORT)}
)
