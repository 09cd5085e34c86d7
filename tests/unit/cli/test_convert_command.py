"""`truscore convert` and `diff`: what a format cannot hold is listed first, and two folders are compared."""

import json
import shutil
from pathlib import Path

import pytest
from truscore.datasets import read_dataset
from truscore.datasets.formats.writing import WRITERS
from truscore.synthesis import render_damage_dataset, render_dataset

from services.cli.app import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_dataset(tmp_path_factory.mktemp("cards") / "set", count=4, seed=1, image_size=(64, 80))


@pytest.fixture(scope="module")
def damage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage") / "set"
    return render_damage_dataset(folder, count=2, option="damage_detection", seed=1, image_size=(64, 64))


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return int(ended.value.code or 0)


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_a_dataset_is_written_whole_or_what_is_lost_is_listed_and_nothing_written(
    cards: Path, tmp_path: Path, capsys: Captured, format: str
) -> None:
    out = tmp_path / "out"
    code = run("convert", cards, out, "--format", format)
    if code:
        assert "lost: " in capsys.readouterr().err
        assert not out.exists()
        return
    assert run("diff", cards, out) in {0, 1}
    index = read_dataset(out).index
    assert index is not None
    assert index.annotation_count == 8


def test_the_systems_own_format_loses_nothing(damage: Path, tmp_path: Path, capsys: Captured) -> None:
    assert run("convert", damage, tmp_path / "out", "--format", "truscore", "--json") == 0
    assert json.loads(capsys.readouterr().out)["losses"] == []
    assert run("diff", damage, tmp_path / "out") == 0
    assert capsys.readouterr().out == "no difference\n"
    assert run("convert", tmp_path / "out", tmp_path / "again", "--format", "coco") == 0
    assert run("diff", damage, tmp_path / "again", "--json") == 0


def test_losses_are_listed_before_anything_is_written_and_allowed_by_an_option(
    damage: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "out"
    assert run("convert", damage, out, "--format", "yolo", "--check", "--json") == 1
    (loss, *_) = json.loads(capsys.readouterr().out)["losses"]
    assert loss.startswith("run-length masks (")
    assert run("convert", damage, out, "--format", "yolo") == 1
    assert not out.exists()
    assert run("convert", damage, out, "--format", "yolo", "--lossy") == 0
    assert run("diff", damage, out) == 1


def test_a_difference_names_images_classes_marks_and_labels(cards: Path, tmp_path: Path, capsys: Captured) -> None:
    other = tmp_path / "other"
    shutil.copytree(cards, other)
    annotations = next(other.rglob("*.json"))
    content = json.loads(annotations.read_text())
    first, second, third, _ = sorted(content["images"], key=lambda image: image["file_name"])
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] != first["id"]]
    gone = next(other.rglob(Path(second["file_name"]).name))
    gone.rename(gone.with_name("renamed.png"))
    content["images"] = [
        image | {"file_name": str(Path(image["file_name"]).with_name("renamed.png"))} if image is second else image
        for image in content["images"]
        if image is not third
    ]
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] != third["id"]]
    next(other.rglob(Path(third["file_name"]).name)).unlink()
    annotations.write_text(json.dumps(content))
    assert run("diff", cards, other, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (len(found["images_removed"]), len(found["moved"]), found["images_added"]) == (1, 1, [])
    (changed,) = found["images_changed"]
    assert changed["removed"] == {"outer_border": 1, "graphical_border": 1}
    assert run("diff", cards, other) == 1
    assert "-1 outer_border" in capsys.readouterr().out


def test_an_unknown_format_and_a_folder_that_is_not_empty_are_refused(cards: Path, tmp_path: Path) -> None:
    assert run("convert", cards, tmp_path / "out", "--format", "xyz") == 2
    assert run("convert", cards, cards, "--format", "coco") == 2
