"""Checkpoints of every kind but Mask R-CNN's become proven files, on real pictures and on rendered ones."""

import json
from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
import torch
from truscore.catalog.table import row_of
from truscore.recipes import recipe_to_json, resolve
from truscore.synthesis import render_dataset
from truscore.zoo import build_model

from services.exporter.child.convert import convert
from services.exporter.release import Artifact
from services.exporter.signature import SIGNATURES, with_lines
from services.exporter.task import Task

GRADES = ("3", "7", "10")
KINDS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("corner_analysis", "quality_classification", "resnet", "psa_grades_150x200/psa*/*", GRADES),
    ("edge_analysis", "wear_detection", "u_net", "magnetic_tile_masks/MT_*/Imgs/*.jpg", ("wear",)),
    ("corner_analysis", "sharpness_rating", "custom_cnn", "cards_unannotated/*/*.jpg", ("sharpness",)),
    ("surface_analysis", "damage_classification", "attention_network", "cards_unannotated/*/*.jpg", ("dent", "stain")),
    ("border_detection", "single_class", "yolo", "truscore_card_borders_yolo/*/images/*.jpg", ("border",)),
)
BY_ARCHITECTURE = [pytest.param(*kind, id=kind[2]) for kind in KINDS]


def task_on(pictures: Sequence[Path], folder: Path, row: tuple[str, str, str], names: tuple[str, ...]) -> Task:
    """To export an untrained checkpoint of the row's own small recipe, at its own image size."""
    recipe = resolve(*row, {})
    torch.manual_seed(4)
    model = build_model(recipe, len(names))
    content = {"model": model.state_dict(), "recipe": recipe_to_json(recipe), "class_names": list(names)}
    torch.save(content, folder / "checkpoint.pt")
    return Task(
        checkpoint=str(folder / "checkpoint.pt"),
        formats=("onnx",),
        pictures=tuple(map(str, pictures)),
        benchmark_rounds=1,
        output_folder=str(folder),
        provenance={"run_id": "run-1"},
    )


def made(task: Task) -> Artifact:
    result = convert(task)
    assert result.refusals == ()
    (artifact,) = result.artifacts
    assert artifact.parity.passed
    assert artifact.parity.images == len(task.pictures)
    assert artifact.benchmark.latency_ms_p50 > 0
    return artifact


@pytest.mark.parametrize(("category", "option", "architecture", "pattern", "names"), BY_ARCHITECTURE)
def test_a_checkpoint_and_its_file_agree_on_real_pictures(
    category: str,
    option: str,
    architecture: str,
    pattern: str,
    names: tuple[str, ...],
    shared_data: Path,
    tmp_path: Path,
) -> None:
    pictures = sorted(path for path in shared_data.glob(pattern) if path.suffix in {".jpg", ".png"})
    assert pictures
    made(task_on([pictures[0], pictures[-1]], tmp_path, (category, option, architecture), names))


@pytest.mark.parametrize(("category", "option", "architecture", "_pattern", "names"), BY_ARCHITECTURE)
def test_a_file_says_its_task_its_classes_and_how_it_is_to_be_read(
    category: str, option: str, architecture: str, _pattern: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    cards = render_dataset(tmp_path / "cards", count=2, seed=1, image_size=(90, 130))
    row = category, option, architecture
    artifact = made(task_on(sorted(cards.glob("images/*")), tmp_path, row, names))
    kind = row_of(*row).task
    signature = SIGNATURES[kind](names)
    # Border options' recipes have a second stage, whose lines are more outputs.
    assert artifact.signature == (with_lines(signature) if category == "border_detection" else signature)
    assert artifact.parity.tolerance.keys() == artifact.parity.max_abs_difference.keys()
    stated = {entry.key: entry.value for entry in onnx.load(tmp_path / artifact.file_name).metadata_props}
    expected = {
        "truscore.run_id": "run-1",
        "truscore.task": kind,
        "truscore.class_names": json.dumps(list(names)),
        "truscore.category": category,
        "truscore.option": option,
        "truscore.architecture": architecture,
    }
    assert stated.items() >= expected.items()
    assert {"truscore.inputs", "truscore.outputs", "truscore.thresholds"} == stated.keys() - expected.keys()
