"""`truscore refine-labels`: proposals that can be read, what moved by how much, and pictures of the doubtful."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from truscore.datasets import load_image, read_dataset

from services.cli.app import main

Captured = pytest.CaptureFixture[str]
CARD, PRINT = (60, 40, 260, 330), (80, 62, 244, 305)  # x0, y0, x1, y1


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Two cards, their boxes some pixels off; a third image without any edge."""
    folder = tmp_path / "scans"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    (folder / "data.yaml").write_text("names: [outer_border, graphical_border]\n")
    for number in range(3):
        pixels = np.full((370, 320, 3), 30, np.uint8)
        for (x0, y0, x1, y1), level in ((CARD, 230), (PRINT, 120)) if number < 2 else ():
            pixels[y0:y1, x0:x1] = level
        pixels = pixels + np.random.default_rng(number).integers(0, 4, pixels.shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        rows = []
        for label, (x0, y0, x1, y1) in enumerate((CARD, PRINT)):
            off = np.array([x0 + 2, y0 - 1, x1 + 1, y1 + 2]) / (320, 370, 320, 370)
            box = (off[:2] + off[2:]) / 2, off[2:] - off[:2]
            rows.append(" ".join(map(str, (label, *box[0], *box[1]))))
        (folder / "labels" / f"{number}.txt").write_text("\n".join(rows) + "\n")
    return folder


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_proposals_are_read_as_quadrilaterals_on_the_edges(labelled: Path, tmp_path: Path, capsys: Captured) -> None:
    to = tmp_path / "proposals"
    assert run("refine-labels", str(labelled), "--to", str(to), "--pictures", "2") == 0
    index = read_dataset(to / "dataset").index
    assert index is not None
    first = next(image for image in index.images if image.path.endswith("0.png"))
    for annotation, (x0, y0, x1, y1) in zip(first.annotations, (CARD, PRINT), strict=True):
        corners_42 = np.array(annotation.polygons[0]).reshape(4, 2)
        assert corners_42 == pytest.approx(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), abs=0.1)
    rows = list(csv.DictReader((to / "changes.csv").open()))
    assert len(rows) == 3 * 2 * 4
    assert [row["kept"] for row in rows[:8]] == ["no straight edge near it stands out"] * 8  # the doubtful come first
    assert {row["image"] for row in rows[:8]} == {"images/2.png"}
    left = next(
        row for row in rows if (row["image"], row["class"], row["side"]) == ("images/0.png", "outer_border", "left")
    )
    assert float(left["moved_px"]) == pytest.approx(2.0, abs=0.1)
    pictures = sorted((to / "pictures").iterdir())
    assert [path.name for path in pictures] == ["001-2-0.png", "002-2-1.png"]
    assert load_image(pictures[0]).shape[1] > 800
    assert "16 of 24 sides moved" in capsys.readouterr().err


def test_only_the_requested_classes_are_changed(labelled: Path, tmp_path: Path, capsys: Captured) -> None:
    to = tmp_path / "proposals"
    arguments = ("--class", "graphical_border", "--output-format", "yolo", "--json")
    assert run("refine-labels", str(labelled), "--to", str(to), *arguments) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {side["class"] for side in shown["sides"]} == {"graphical_border"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--class", "edge"), "--class 'edge' is not one of: outer_border, graphical_border"),
        (("--output-format", "png"), "--output-format 'png' is not one of"),
    ],
)
def test_what_is_not_there_is_refused_by_name(
    labelled: Path, tmp_path: Path, capsys: Captured, arguments: tuple[str, ...], message: str
) -> None:
    assert run("refine-labels", str(labelled), "--to", str(tmp_path / "new"), *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
