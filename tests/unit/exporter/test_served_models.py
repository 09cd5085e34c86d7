"""What is packed for servers: our own, as a process with nothing of ours, and Triton's configuration."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from services.exporter.packaging.triton import config_of
from services.exporter.release import Artifact
from services.exporter.signature import grade_signature

SERVER = resources.files("services.exporter.packaging") / "serving" / "server.py"
# Neither torch nor anything of ours can be imported in it.
PLAIN = "import runpy, sys\nfor name in ('torch', 'truscore', 'services'): sys.modules[name] = None\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served model that gives the mean of each channel, and the logarithm of that, which is NaN below 0."""
    path = tmp_path_factory.mktemp("served") / "model.onnx"
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Log", ["means"], ["logs"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [3, "height", "width"])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("means", "logs")]
    graph = helper.make_graph(nodes, "means", [image], outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    argv = [f"means={path}", "--port", "0"]
    program = f"{PLAIN}sys.argv = ['server.py', *{argv!r}]\nrunpy.run_path({str(SERVER)!r}, run_name='__main__')"
    process = subprocess.Popen([sys.executable, "-I", "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(30)


def call(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=60) as answer:
        return json.load(answer)


def test_a_model_is_described_and_answers_by_the_open_inference_protocol(address: str) -> None:
    assert call(f"{address}/health/ready") == {"ready": True}
    about = call(f"{address}/models/means")
    assert about["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [3, -1, -1]}]
    image = {"name": "image", "datatype": "FP32", "shape": [3, 1, 2], "data": [0.0, 1.0, 2.0, 2.0, -1.0, -1.0]}
    answer = call(f"{address}/models/means/infer", {"id": "7", "inputs": [image]})
    assert (answer["model_name"], answer["id"]) == ("means", "7")
    means, logs = answer["outputs"]
    assert (means["shape"], means["data"]) == ([3], [0.5, 2.0, -1.0])
    assert logs["data"][2] is None


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("models/other", None, 404),
        ("models/other/infer", {}, 404),
        ("models/means/infer", {}, 400),
        ("models/means/infer", {"inputs": [{"name": "image", "datatype": "FP64", "shape": [1], "data": [1]}]}, 400),
        ("models/means/infer", {"inputs": [{"name": "image", "datatype": "FP32", "shape": [9], "data": [1]}]}, 400),
    ],
)
def test_what_cannot_be_answered_is_refused_and_the_next_request_is_not(
    path: str, body: Any, code: int, address: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(f"{address}/{path}", body)
    assert refused.value.code == code
    assert json.load(refused.value)["error"]
    assert call(f"{address}/models/means/ready")["ready"]


def test_triton_is_told_every_tensor_and_that_a_request_is_one_picture(artifact: Artifact) -> None:
    config = config_of("grader", artifact)
    assert 'name: "grader"\nbackend: "onnxruntime"\nmax_batch_size: 0\ninput [' in config
    assert '{ name: "image" data_type: TYPE_FP32 dims: [ 3, -1, -1 ] }' in config
    assert '{ name: "labels" data_type: TYPE_INT64 dims: [ -1 ] }' in config


def test_triton_has_no_tensor_without_dimensions(artifact: Artifact) -> None:
    graded = replace(artifact, signature=grade_signature(("1", "2")))
    line = '{ name: "grade_index" data_type: TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] } }'
    assert line in config_of("grader", graded)
