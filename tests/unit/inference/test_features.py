"""Features of an exported network's body: of the right tensor, and as onnx's own tools would have them given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.inference.description import UnusableModel
from truscore.inference.features import Body
from truscore.inference.graph import NoGraph, nodes_of, with_outputs

from tests.unit.studio.constant_model import border_model

PICTURE_HWC = np.random.default_rng(3).integers(0, 256, (40, 32, 3), dtype=np.uint8)
QUADS = ((5, 6, 20, 7, 21, 30, 4, 29),)


def test_a_tensor_inside_is_asked_for_by_bytes_at_the_end(tmp_path: Path) -> None:
    content = border_model(tmp_path / "model.onnx", QUADS, body=True).read_bytes()
    model = onnx.load_from_string(content)
    assert [(node.operation, node.output) for node in nodes_of(content)] == [
        (node.op_type, node.output[0]) for node in model.graph.node
    ]
    again = onnx.load_from_string(with_outputs(content, ["seen", "features"]))
    assert [each.name for each in again.graph.output] == [
        *(each.name for each in model.graph.output),
        "seen",
        "features",
    ]
    assert list(again.graph.node) == list(model.graph.node)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_graph_are_refused_or_hold_no_node(content: bytes) -> None:
    try:
        assert isinstance(nodes_of(content), list)
    except (NoGraph, UnicodeDecodeError):
        return


def test_features_are_the_mean_of_the_convolution_with_most_channels(tmp_path: Path) -> None:
    body = Body(border_model(tmp_path / "model.onnx", QUADS, body=True), PICTURE_HWC)
    assert body.tensor == "features"
    mean_C = (PICTURE_HWC / 255.0).mean(axis=(0, 1))  # the sides are multiples of both strides
    seen = np.concatenate([mean_C, np.zeros(3)])  # the other three see less than nothing
    expected = [4 * (1 + channel) / 4 * seen[channel % 6] for channel in range(16)]
    assert body(PICTURE_HWC) == pytest.approx(expected, rel=1e-4)


def test_a_model_without_a_body_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match="no body of convolutions"):
        Body(border_model(tmp_path / "model.onnx", QUADS), PICTURE_HWC)
    (tmp_path / "junk.onnx").write_bytes(b"\x3a\xff")
    with pytest.raises(UnusableModel, match="cannot be read as ONNX"):
        Body(tmp_path / "junk.onnx", PICTURE_HWC)
