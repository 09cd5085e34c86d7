"""`truscore split`: how a dataset is divided, in words and for machines."""

import json
from pathlib import Path

import pytest
from truscore.datasets import read_dataset, split_dataset
from truscore.synthesis import render_dataset

from services.cli.app import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = render_dataset(tmp_path_factory.mktemp("cards") / "set", count=20, seed=1, image_size=(64, 80))
    images = sorted(path.relative_to(folder).as_posix() for path in (folder / "images").iterdir())
    (folder / "truscore.json").write_text(json.dumps({"groups": {"card 7": images[3:7]}}))
    return folder


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_the_parts_are_those_of_a_run(cards: Path, capsys: Captured) -> None:
    assert run("split", str(cards), "--seed", "3", "--json") == 0
    output = json.loads(capsys.readouterr().out)
    index = read_dataset(cards).index
    assert index is not None
    made = split_dataset(index, seed=3)
    assert {name: tuple(part["paths"]) for name, part in output["parts"].items()} == {
        "train": made.train,
        "validation": made.validation,
        "test": made.test,
    }
    assert output["parts"]["train"]["by_class"] == [len(made.train)] * 2
    assert output["groups"]["largest"] >= 4
    assert output["groups"]["count"] <= 17


def test_a_person_sees_classes_by_part_and_what_was_kept_together(cards: Path, capsys: Captured) -> None:
    assert run("split", str(cards)) == 0
    output = capsys.readouterr().out
    assert "outer_border" in output
    assert "validation" in output
    assert "20 images in 17 groups that stay together, 1 of them of several images; the largest holds 4" in output


def test_folds_validate_on_every_image_once(cards: Path, capsys: Captured) -> None:
    assert run("split", str(cards), "--folds", "4", "--json") == 0
    output = json.loads(capsys.readouterr().out)
    assert list(output["parts"]) == ["fold 1", "fold 2", "fold 3", "fold 4"]
    assert sum(part["images"] for part in output["parts"].values()) == 20


def test_shares_are_what_was_requested(cards: Path, capsys: Captured) -> None:
    assert run("split", str(cards), "--validation", "0.5", "--test", "0", "--json") == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert [parts[name]["images"] for name in ("train", "validation", "test")] == [10, 10, 0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--folds", "1"), "folds 1: expected at least 2"),
        (("--folds", "19"), "folds 19: expected at most 17"),
        (("--validation", "0.6", "--test", "0.4"), "expected three that add up to 1"),
        (("--format", "stone"), "'stone'; accepted: "),
    ],
)
def test_what_cannot_be_divided_so_is_refused(
    cards: Path, arguments: tuple[str, ...], named: str, capsys: Captured
) -> None:
    assert run("split", str(cards), *arguments) == 2
    assert named in capsys.readouterr().err
