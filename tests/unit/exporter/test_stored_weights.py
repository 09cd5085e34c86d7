"""Weights in INT8 and INT16 beside arithmetic in float."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from truscore.inference.runtime import onnxruntime

from services.exporter.child.formats.quantized.graph import simplified
from services.exporter.child.formats.quantized.weights import store_weights, stored_weights

SHAPES = {"conv": (16, 8, 3, 3), "up": (16, 12, 2, 2), "gemm": (40, 12), "matmul": (40, 24)}
# Of the output channels.
AXES = {"conv": 0, "up": 1, "gemm": 0, "matmul": 1}
COUNTS = {name: int(np.prod(shape)) for name, shape in SHAPES.items()}


def weights(name: str) -> np.ndarray:
    """One channel in four a hundred times the others: a scale for all of them would leave nothing of those."""
    values = np.random.default_rng(len(name)).normal(size=SHAPES[name]).astype(np.float32)
    values[tuple(slice(None, None, 4) if each == AXES[name] else slice(None) for each in range(values.ndim))] *= 100
    return values


def graph(path: Path) -> Path:
    """Convolution, transposed convolution, and two products, one of them in a branch that sees the graph's weights."""

    def output(name: str, rank: int = 2) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)

    def branch(name: str) -> onnx.GraphProto:
        node = helper.make_node("MatMul", ["flat", "matmul"], [f"{name}.product"], f"{name}.matmul")
        return helper.make_graph([node], name, [], [output(f"{name}.product")])

    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["a"], "conv"),
        helper.make_node("ConvTranspose", ["a", "up"], ["b"], "up", strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["b"], ["pooled"], "pool"),
        helper.make_node("Flatten", ["pooled"], ["means"], "flatten"),
        helper.make_node("Gemm", ["means", "gemm"], ["flat"], "gemm", transB=1),
        helper.make_node(
            "If", ["yes"], ["y"], "if", then_branch=branch("then"), else_branch=branch("else"),
        ),
    ]  # fmt: skip
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 9, 9]),
        helper.make_tensor_value_info("yes", TensorProto.BOOL, []),
    ]
    constants = [numpy_helper.from_array(weights(name), name) for name in SHAPES]
    made = helper.make_graph(nodes, "all", inputs, [output("b", 4), output("flat"), output("y")], constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def answers(path: Path) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(1, 8, 9, 9)).astype(np.float32)
    found: list[np.ndarray] = session.run(None, {"x": x, "yes": np.array(True)})
    return found


def test_what_multiplies_by_weights_is_listed_once_with_how_many_branches_too(tmp_path: Path) -> None:
    found = stored_weights(graph(tmp_path / "float.onnx"))
    assert found == {
        "conv": COUNTS["conv"], "up": COUNTS["up"], "gemm": COUNTS["gemm"], "else.matmul": COUNTS["matmul"],
    }  # fmt: skip


@pytest.mark.parametrize("largest", [127, 32767])
def test_each_weight_is_within_half_a_step_of_its_own_channel(largest: int, tmp_path: Path) -> None:
    source = graph(tmp_path / "float.onnx")
    store_weights(source, tmp_path / "small.onnx", in_int16=() if largest == 127 else tuple(stored_weights(source)))
    onnx.checker.check_model(str(tmp_path / "small.onnx"), full_check=True)
    found = {each.name: numpy_helper.to_array(each) for each in onnx.load(tmp_path / "small.onnx").graph.initializer}
    for name, axis in AXES.items():
        (stored,) = (found[key] for key in found if key.startswith(name) and key.endswith("stored"))
        (scale,) = (found[key] for key in found if key.startswith(name) and key.endswith("scale"))
        exact = weights(name)
        of_channel = np.abs(exact).max(axis=tuple(each for each in range(exact.ndim) if each != axis), keepdims=True)
        np.testing.assert_allclose(scale, of_channel / largest, rtol=1e-6)
        assert (np.abs(stored * scale - exact) <= 0.501 * of_channel / largest).all()


def test_what_it_answers_is_nearer_in_sixteen_bits(tmp_path: Path) -> None:
    source = graph(tmp_path / "float.onnx")
    apart = []
    for in_int16 in ((), tuple(stored_weights(source))):
        store_weights(source, tmp_path / "small.onnx", in_int16=in_int16)
        pairs = zip(answers(source), answers(tmp_path / "small.onnx"), strict=True)
        apart.append(max(float(np.abs(near - exact).max() / np.abs(exact).max()) for exact, near in pairs))
    assert 50 * apart[1] < apart[0] < 0.05


def test_weights_are_stored_once_in_a_byte_each_and_in_no_float(tmp_path: Path) -> None:
    store_weights(graph(tmp_path / "float.onnx"), tmp_path / "small.onnx", in_int16=())
    stored = onnx.load(tmp_path / "small.onnx").graph.initializer
    bytes_of = {kind: sum(len(each.raw_data) for each in stored if each.data_type == kind) for kind in (1, 3)}
    assert bytes_of == {TensorProto.INT8: sum(COUNTS.values()), TensorProto.FLOAT: 4 * (16 + 12 + 40 + 24)}


def test_a_runtime_that_folds_constants_runs_what_the_float_file_runs(tmp_path: Path) -> None:
    store_weights(graph(tmp_path / "float.onnx"), tmp_path / "small.onnx", in_int16=())
    simplified(tmp_path / "small.onnx", tmp_path / "loaded.onnx")
    left = {node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node}
    assert left & {"Cast", "Mul"} == set()


def test_channels_of_zeros_stay_zeros(tmp_path: Path) -> None:
    model = onnx.load(graph(tmp_path / "float.onnx"))
    for each in model.graph.initializer:
        each.CopyFrom(numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(each)), each.name))
    onnx.save(model, tmp_path / "zeros.onnx")
    store_weights(tmp_path / "zeros.onnx", tmp_path / "small.onnx", in_int16=())
    assert all((found == 0).all() for found in answers(tmp_path / "small.onnx"))
