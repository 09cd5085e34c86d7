"""A model file of the exporter's form that says the same of every picture: what it says is known beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


def write_constant_model(path: Path, outputs: Mapping[str, NDArray[np.generic]], **metadata: object) -> Path:
    """`metadata` are the entries `truscore.…`; what is no text is written as JSON."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [3, "height", "width"])
    nodes, made = [], []
    for name, value in outputs.items():
        tensor = numpy_helper.from_array(value, name)
        nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        made.append(helper.make_tensor_value_info(name, tensor.data_type, list(value.shape)))
    model = helper.make_model(
        helper.make_graph(nodes, "constant", [image], made), opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = f"truscore.{key}", value if isinstance(value, str) else json.dumps(value)
    onnx.save(model, path)
    return path


def border_model(
    path: Path, quads: Sequence[Sequence[float]], *, class_names: Sequence[str] = ("outer_border", "graphical_border")
) -> Path:
    """Finds these borders, x0, y0, … clockwise from the upper left, the n-th of class n, at 0.97, 0.87, … sure."""
    corners_N42 = np.array(quads, dtype=np.float32).reshape(-1, 4, 2)
    count = len(corners_N42)
    return write_constant_model(
        path,
        {
            "boxes": np.concatenate([corners_N42.min(1), corners_N42.max(1)], 1),
            "labels": np.arange(1, count + 1, dtype=np.int64),
            "scores": (0.97 - 0.1 * np.arange(count)).astype(np.float32),
            "corners": corners_N42,
            "line_confidence": np.full((count, 4), 0.9, np.float32),
            "line_deviation": np.full((count, 4), 0.2, np.float32),
        },
        task="detection",
        category="border_detection",
        option="dual_class",
        architecture="yolo",
        class_names=list(class_names),
        thresholds={"scores": 0.5},
    )
