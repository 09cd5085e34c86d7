"""A model file of the exporter's form that says the same of every picture: what it says is known beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


def write_constant_model(
    path: Path, outputs: Mapping[str, NDArray[np.generic]], *, body: bool = False, **metadata: object
) -> Path:
    """`metadata` are the entries `truscore.…`; what is no text is written as JSON. With `body`, two convolutions look
    at the picture, whatever the model then says: the second has 16 channels, of which each sees one colour more or
    less."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [3, "height", "width"])
    nodes, made = [], []
    weights = _colour_body() if body else []
    if body:
        nodes += [
            helper.make_node("Unsqueeze", ["image", "axes"], ["batch"]),
            helper.make_node("Conv", ["batch", "first"], ["seen"], strides=[4, 4]),
            helper.make_node("Relu", ["seen"], ["lit"]),
            helper.make_node("Conv", ["lit", "second"], ["features"], strides=[2, 2]),
        ]
    for name, value in outputs.items():
        tensor = numpy_helper.from_array(value, name)
        nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        made.append(helper.make_tensor_value_info(name, tensor.data_type, list(value.shape)))
    model = helper.make_model(
        helper.make_graph(nodes, "constant", [image], made, weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    for key, entry_value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = (
            f"truscore.{key}",
            entry_value if isinstance(entry_value, str) else json.dumps(entry_value),
        )
    onnx.save(model, path)
    return path


def _colour_body() -> list[TensorProto]:
    first, second = np.zeros((6, 3, 4, 4), np.float32), np.zeros((16, 6, 2, 2), np.float32)
    for channel in range(6):
        first[channel, channel % 3] = (1 if channel < 3 else -1) / 16
    for channel in range(16):
        second[channel, channel % 6] = (1 + channel) / 4
    return [
        numpy_helper.from_array(np.array([0], np.int64), "axes"),
        numpy_helper.from_array(first, "first"),
        numpy_helper.from_array(second, "second"),
    ]


def border_model(
    path: Path,
    quads: Sequence[Sequence[float]],
    *,
    class_names: Sequence[str] = ("outer_border", "graphical_border"),
    body: bool = False,
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
        body=body,
        task="detection",
        category="border_detection",
        option="dual_class",
        architecture="yolo",
        class_names=list(class_names),
        thresholds={"scores": 0.5},
    )
