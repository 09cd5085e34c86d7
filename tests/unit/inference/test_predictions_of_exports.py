"""The file alone says what its checkpoint says, for every kind of model that is exported."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from truscore.inference import UnusableModel, columns_of, lines_of, rows_of
from truscore.inference.description import LINES, OUTPUTS
from truscore.inference.engine import Engine
from truscore.inference.model import Model
from truscore.inference.predictions import Prediction

from services.exporter.signature import SIGNATURES
from tests.unit.inference.exports import KINDS, Export

# As the exporter's own proof accepts: pixels, and probabilities from 0 to 1.
PIXELS, SHARE = 0.25, 0.01
# Their files take the views of an object, and no picture: they are refused by their task.
OF_VIEWS = {"normal_estimation", "depth_estimation", "reflectance_estimation"}


def close(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) <= tolerance


def assert_same(file: Prediction, checkpoint: Prediction) -> None:
    assert (file.width, file.height) == (checkpoint.width, checkpoint.height)
    _assert_same_detections(file, checkpoint)
    for area, other in zip(file.areas or (), checkpoint.areas or (), strict=True):
        assert area.name == other.name
        assert close(area.area_percent, other.area_percent, 100 * SHARE)
    if checkpoint.grade is not None:
        assert file.grade is not None
        assert (file.grade.name, file.grade.index) == (checkpoint.grade.name, checkpoint.grade.index)
        assert file.grade.probabilities == pytest.approx(checkpoint.grade.probabilities, abs=SHARE)
        assert file.grade.mean == pytest.approx(checkpoint.grade.mean, abs=SHARE)
    assert (file.scores or {}) == pytest.approx(checkpoint.scores or {}, abs=SHARE)
    assert [one.name for one in file.labels or ()] == [one.name for one in checkpoint.labels or ()]
    for label, stated in zip(file.labels or (), checkpoint.labels or (), strict=True):
        assert close(label.probability, stated.probability, SHARE)
        assert label.there == (label.probability >= 0.5)


def _assert_same_detections(file: Prediction, checkpoint: Prediction) -> None:
    """One to one: of fifty findings one may be another, where two were equally sure."""
    left, lone = list(file.detections or ()), []
    assert len(left) == len(checkpoint.detections or ())
    for wanted in checkpoint.detections or ():
        same = [
            one for one in left
            if one.name == wanted.name and close(one.score, wanted.score, SHARE)
            and all(close(a, b, PIXELS) for a, b in zip(one.box, wanted.box, strict=True))
        ]  # fmt: skip
        if same:
            left.remove(same[0])
        else:
            lone.append(wanted)
    assert len(lone) <= len(checkpoint.detections or ()) / 50, f"{lone} are not among {left}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_says_of_a_picture_what_its_checkpoint_says(kind: str, exported: Export) -> None:
    model = exported(kind)
    engine = Engine(model=Model(model.path))
    for picture in model.pictures:
        assert_same(engine.predict(picture), model.eager(picture))


@pytest.mark.parametrize("kind", ["borders", "boxes"])
def test_a_detector_of_these_tests_has_something_to_say(kind: str, exported: Export) -> None:
    assert all(exported(kind).eager(picture).detections for picture in exported(kind).pictures)


def test_every_task_that_is_exported_can_be_read_and_is_among_those_above(exported: Export) -> None:
    assert set(OUTPUTS) == set(SIGNATURES) - OF_VIEWS
    assert {exported(kind).description.task for kind in KINDS} == set(SIGNATURES) - OF_VIEWS


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_says_by_itself_what_its_numbers_mean(kind: str, exported: Export) -> None:
    category, option, architecture, class_names = KINDS[kind]
    stated = Model(exported(kind).path).description
    assert (stated.category, stated.option, stated.architecture, stated.class_names) == (
        category, option, architecture, class_names
    )  # fmt: skip
    assert (stated.model_id, stated.version) == (f"{category}.{option}.{architecture}", "run-1")
    metadata = {entry.key: entry.value for entry in onnx.load(exported(kind).path).metadata_props}
    outputs = json.loads(metadata["truscore.outputs"])
    lines = [*LINES, "centring", "centring_deviation"] if stated.measures_centring else [*LINES]
    given = [output["name"] for output in outputs]
    assert given == [*OUTPUTS[stated.task], *(lines if stated.finds_borders else ())]
    assert all(output["meaning"] for output in outputs)


@pytest.mark.parametrize("kind", KINDS)
def test_every_prediction_is_json_csv_words_and_a_drawing(kind: str, exported: Export, tmp_path: Path) -> None:
    model = exported(kind)
    engine = Engine(model=Model(model.path))
    prediction = engine.predict(model.pictures[0], drawing=tmp_path / "drawn.png")
    json.dumps(prediction.document(), allow_nan=False)
    columns = columns_of(engine.description)
    rows = list(rows_of("picture.png", prediction))
    assert rows
    assert all(set(row) <= set(columns) for row in rows)
    csv.DictWriter(io.StringIO(), columns).writerows(rows)
    assert lines_of(prediction)
    with Image.open(model.pictures[0]) as plain, Image.open(tmp_path / "drawn.png") as drawn:
        assert max(drawn.size) >= 640
        times = drawn.width // plain.width
        assert drawn.height > plain.height * times
        shown = np.asarray(drawn.crop((0, 0, plain.width * times, plain.height * times)).convert("RGB"))
        same = np.array_equal(shown, np.asarray(plain.convert("RGB").resize((shown.shape[1], shown.shape[0]), 0)))
    # What stands for the whole picture is in the caption alone; what this untrained network sees in pixels is nothing.
    assert same == (kind not in {"borders", "boxes"})
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.png"]


def test_a_large_picture_is_scaled_down_for_the_model_and_answered_in_its_own_pixels(
    exported: Export, tmp_path: Path
) -> None:
    model = exported("boxes")
    with Image.open(model.pictures[0]) as picture:
        picture.resize((picture.width * 4, picture.height * 4), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    small = Engine(model=Model(model.path)).predict(model.pictures[0])
    large = Engine(model=Model(model.path), most_pixels=small.width * small.height).predict(tmp_path / "large.png")
    assert (large.width, large.height) == (4 * small.width, 4 * small.height)
    assert small.detections
    assert large.detections
    assert len(large.detections) == len(small.detections)
    for one, other in zip(small.detections, large.detections, strict=True):
        assert [4 * value for value in one.box] == pytest.approx(other.box, abs=1)
        assert one.area_percent == pytest.approx(other.area_percent, abs=0.1)


def test_a_turned_picture_is_read_upright(exported: Export, tmp_path: Path) -> None:
    model = exported("boxes")
    with Image.open(model.pictures[0]) as picture:
        exif = Image.Exif()
        exif[0x0112] = 8  # to be turned to the left by whoever shows it
        picture.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "turned.png", exif=exif)
    engine = Engine(model=Model(model.path))
    assert engine.predict(tmp_path / "turned.png") == engine.predict(model.pictures[0])


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(UnusableModel, match=r"model\.onnx cannot be loaded as ONNX"):
        Model(tmp_path / "model.onnx")


def test_a_graph_that_says_nothing_of_its_task_is_refused(exported: Export, tmp_path: Path) -> None:
    graph = onnx.load(exported("scores").path)
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "bare.onnx")
    with pytest.raises(UnusableModel, match=r"names the task ''.*accepted: instance_segmentation"):
        Model(tmp_path / "bare.onnx")


def test_a_graph_whose_outputs_are_not_those_of_its_task_is_refused(exported: Export, tmp_path: Path) -> None:
    graph = onnx.load(exported("scores").path)
    task = next(entry for entry in graph.metadata_props if entry.key == "truscore.task")
    task.value = "detection"
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(UnusableModel, match="its task detection needs boxes, labels too"):
        Model(tmp_path / "other.onnx")


def test_an_engine_runs_without_torch_and_onnx_and_writes_nothing_into_the_home_of_its_user(
    exported: Export, tmp_path: Path
) -> None:
    model = exported("borders")
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('torch', 'torchvision', 'onnx', 'faster_coco_eval', 'services')))\n"
        "from pathlib import Path\n"
        "from truscore.inference.engine import Engine\n"
        "from truscore.inference.model import Model\n"
        "engine = Engine(model=Model(Path(sys.argv[1])))\n"
        "print(len(engine.predict(Path(sys.argv[2])).detections))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(model.path), str(model.pictures[0])],
        env={"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
    assert list(tmp_path.rglob("*")) == []
