"""onnxruntime's tools for quantisation, imported after its telemetry is switched off."""

from truscore.inference.runtime import onnxruntime

# Below the import that switches it off: a block of its own, which the sorting of imports leaves in its place.
assert onnxruntime is not None
from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_dynamic  # noqa: E402
from onnxruntime.quantization.calibrate import (  # noqa: E402
    CalibrationDataReader,
    TensorData,
    TensorsData,
    create_calibrator,
)
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer  # noqa: E402

__all__ = [
    "CalibrationDataReader",
    "CalibrationMethod",
    "QDQQuantizer",
    "QuantType",
    "TensorData",
    "TensorsData",
    "create_calibrator",
    "quantize_dynamic",
]
