"""An engine's process answers with a file, and what it says has to be what the file's maker had of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from services.exporter.child.early_engine import EarlyEngine
from services.exporter.engine import answers
from services.exporter.engine.files import PROOF, RESULT, answers_file
from services.exporter.engine_process import EngineFault, proven_by_engine
from services.exporter.release import Artifact
from services.exporter.task import Result

MEANS = np.array([0.2, 0.4, 0.6], dtype=np.float32)
BOUNDS: dict[str, Any] = {"time_limit_s": 120.0, "memory_limit_bytes": 4 << 30}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file that gives the mean of each channel of a picture, and what its maker had of it."""
    node = helper.make_node("ReduceMean", ["image"], ["means"], axes=[1, 2], keepdims=0)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [3, "height", "width"])
    graph = helper.make_graph([node], "g", [image], [helper.make_tensor_value_info("means", TensorProto.FLOAT, [3])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    picture = np.full((7, 5, 3), (51, 102, 153), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    proof = {"files": {"onnx": "model.onnx"}, "pictures": [str(tmp_path / "picture.png")], "threads": 1}
    (tmp_path / PROOF).write_text(json.dumps(proof))
    answers.write(tmp_path / answers_file("onnx"), [answers.kept({"means": MEANS})])
    return tmp_path


async def test_a_file_that_answers_as_its_maker_had_it_is_kept_and_says_who_answered(
    folder: Path, artifact: Artifact
) -> None:
    other = replace(artifact, format="torch_export", file_name="model.pt2")
    proven = await proven_by_engine(Result(artifacts=(artifact, other), refusals=()), folder, **BOUNDS)
    assert proven.refusals == ()
    assert "without torch, on 2 pictures" in proven.artifacts[0].notes["answered_by"]
    assert proven.artifacts[1] == other, "what the engine cannot run stays as it is"


@pytest.mark.parametrize(
    ("made", "named"),
    [({"means": MEANS + np.float32(0.1)}, "means differ by 0.1"), ({"means": MEANS[:2]}, "means differ by inf")],
)
async def test_a_file_that_answers_otherwise_is_refused_with_the_difference(
    made: answers.Kept, named: str, folder: Path, artifact: Artifact
) -> None:
    answers.write(folder / answers_file("onnx"), [answers.kept(made)])
    proven = await proven_by_engine(Result(artifacts=(artifact,), refusals=()), folder, **BOUNDS)
    assert proven.artifacts == ()
    (refusal,) = proven.refusals
    assert (refusal.format, refusal.code) == ("onnx", "engine")
    assert named in refusal.message


async def test_a_file_that_no_engine_opens_is_refused_with_the_engines_words(folder: Path, artifact: Artifact) -> None:
    (folder / "model.onnx").write_bytes(b"no model")
    (refusal,) = (await proven_by_engine(Result(artifacts=(artifact,), refusals=()), folder, **BOUNDS)).refusals
    assert refusal.code == "engine"
    assert "Protobuf parsing failed" in refusal.message


async def test_a_file_that_an_early_engine_could_not_load_is_refused_with_its_words(
    folder: Path, artifact: Artifact
) -> None:
    early = EarlyEngine(folder, [str(folder / "picture.png")])
    (folder / "model.onnx").write_bytes(b"no model")
    early.prepare("onnx", "model.onnx")
    early.load()
    early.wait_loaded()
    early.start("onnx", "model.onnx")
    early.wait()
    (refusal,) = (await proven_by_engine(Result(artifacts=(artifact,), refusals=()), folder, **BOUNDS)).refusals
    assert "Protobuf parsing failed" in refusal.message


@pytest.mark.parametrize("prepared", [True, False])
async def test_an_engine_that_was_begun_early_is_not_run_again(
    prepared: bool, folder: Path, artifact: Artifact
) -> None:
    early = EarlyEngine(folder, [str(folder / "picture.png")])
    if prepared:
        early.prepare("onnx", "model.onnx")
    early.load()
    early.wait_loaded()
    early.start("onnx", "model.onnx")
    early.wait()
    proven = await proven_by_engine(
        Result(artifacts=(artifact,), refusals=()), folder, time_limit_s=0.05, memory_limit_bytes=4 << 30
    )
    assert "without torch" in proven.artifacts[0].notes["answered_by"]


async def test_an_engine_that_does_not_come_to_an_end_is_a_fault(folder: Path, artifact: Artifact) -> None:
    with pytest.raises(EngineFault, match=r"at most 0\.05 s"):
        await proven_by_engine(
            Result(artifacts=(artifact,), refusals=()), folder, time_limit_s=0.05, memory_limit_bytes=4 << 30
        )


def test_large_answers_are_kept_as_means_and_what_is_undefined_on_both_sides_is_no_difference() -> None:
    masks = np.zeros((2, 1, 300, 300), dtype=np.float32)
    masks[1, :, :150] = 1
    assert answers.kept({"masks": masks})["masks"].tolist() == [[0.0], [0.5]]
    undefined = answers.kept({"centring": np.array([np.nan, 50.0])})
    assert answers.distance(undefined, undefined) == {"centring": 0.0}
    assert answers.distance(undefined, answers.kept({"centring": np.array([50.0, 50.0])})) == {"centring": np.inf}


async def test_an_engine_that_waited_for_a_file_that_did_not_pass_goes_and_leaves_nothing_to_prove(
    folder: Path,
) -> None:
    early = EarlyEngine(folder, [str(folder / "picture.png")])
    early.prepare("onnx", "model.onnx")
    early.wait()
    assert not (folder / PROOF).exists()
    assert not (folder / RESULT).exists()
