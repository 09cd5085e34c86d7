"""Ranges of a float graph's values on training images, by three methods."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from services.exporter.child.export_target import Picture
from services.exporter.child.formats.quantized.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    create_calibrator,
)

# What is multiplied by weights; everything else keeps its floats.
WEIGHTED = ("Conv", "Gemm", "MatMul")
METHODS: Mapping[str, tuple[CalibrationMethod, Mapping[str, Any]]] = MappingProxyType(
    {
        "min_max": (CalibrationMethod.MinMax, {}),
        "percentile": (CalibrationMethod.Percentile, {"percentile": 99.99, "symmetric": False}),
        "entropy": (CalibrationMethod.Entropy, {}),
    }
)


class _OnePicture(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, picture_CHW: Picture) -> None:
        self._feeds: Iterator[dict[str, Picture]] = iter([{"image": picture_CHW}])

    def get_next(self) -> dict[str, Picture] | None:
        return next(self._feeds, None)


def ranges(graph: Path, pictures: Sequence[Picture], method: str) -> Any:
    """onnxruntime's TensorsData. One picture at a time: the calibrator holds what it has not yet counted."""
    kind, options = METHODS[method]
    with TemporaryDirectory() as scratch:
        calibrator = create_calibrator(
            graph,
            list(WEIGHTED),
            augmented_model_path=str(Path(scratch) / "augmented.onnx"),
            calibrate_method=kind,
            extra_options=dict(options),
        )
        for picture_CHW in pictures:
            calibrator.collect_data(_OnePicture(picture_CHW))
        return calibrator.compute_data()
