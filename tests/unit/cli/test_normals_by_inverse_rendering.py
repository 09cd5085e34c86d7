"""`truscore normals --solver inverse_rendering`, and its normals as labels."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from truscore.datasets import read_dataset
from truscore.photometric_stereo import read_views
from truscore.validation import rule_counts, validate_folder

from services.cli.app import main

Captured = pytest.CaptureFixture[str]
QUICKLY = ("--solver", "inverse_rendering", "--steps", "8")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def lit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured) -> str:
    monkeypatch.chdir(tmp_path)
    assert run("synth", "lit", "--format", "multi_light", "-n", "2", "--lights", "6", "--size", "48x40") == 0
    capsys.readouterr()
    return "lit"


def test_maps_are_those_of_the_fitted_surface_and_the_output_says_how_it_went(lit: str, capsys: Captured) -> None:
    assert run("normals", lit, "--to", "maps", *QUICKLY, "--json") == 0
    for one in json.loads(capsys.readouterr().out)["objects"]:
        assert (one["solver"], one["seed"]) == ("inverse_rendering", 0)
        assert 0 <= one["on_surface"] <= 1
        assert one["explains_better"] == (one["residual"] < one["residual_robust"])
        assert (Path(one["folder"]) / "normals.npy").is_file()
    assert run("normals", lit, "--to", "again", *QUICKLY) == 0
    assert "of its pixels on the surface" in capsys.readouterr().out
    for path in Path("maps").glob("*/normals.npy"):
        assert np.array_equal(np.load(path), np.load(Path("again") / path.parent.name / path.name))


def test_normals_found_become_a_dataset_that_says_that_they_are_proposals(lit: str, capsys: Captured) -> None:
    assert run("normals", lit, "--to", "maps", *QUICKLY, "--as-labels", "proposed", "--json") == 0
    given, taught = read_dataset(Path(lit)).index, read_dataset(Path("proposed")).index
    assert given is not None
    assert taught is not None
    for before, after in zip(given.objects, taught.objects, strict=True):
        first, second = (
            read_views(Path(root), index, one.name)
            for root, index, one in ((lit, given, before), ("proposed", taught, after))
        )
        assert np.array_equal(first.samples_NL, second.samples_NL)
        assert np.allclose(first.directions(), second.directions(), atol=1e-6)
        found_HW3 = np.load(Path("maps") / after.name / "normals.npy")
        assert np.allclose(second.normals_HW3[second.mask_HW], found_HW3[second.mask_HW], atol=1e-6)
        assert (after.depth, after.albedo) == (None, None)
        assert (
            json.loads((Path("proposed") / after.name / "proposal.json").read_text())["solver"] == "inverse_rendering"
        )
    verdict = validate_folder(Path("proposed"), category="photometric_stereo", option="surface_normal_estimation")
    assert verdict.accepted
    assert rule_counts(verdict)["label.normals_proposed"] == 2
    assert run("normals", lit, "--to", "more", "--as-labels", "proposed") == 2
    assert "proposed is there already" in capsys.readouterr().err


def test_lamps_that_are_only_named_teach_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    for lamp in ("top", "right", "bottom", "left"):
        path = Path("named") / "card" / f"card_{lamp}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 48, 3), 90, dtype=np.uint8)).save(path)
    assert run("normals", "named", "--to", "maps", "--as-labels", "proposed") == 2
    assert "no object's lights have directions" in capsys.readouterr().err


def test_a_deadline_too_short_is_an_error_that_names_the_object(lit: str, capsys: Captured) -> None:
    assert run("normals", lit, "--to", "maps", "--solver", "inverse_rendering", "--deadline", "0.01") == 2
    assert "'card-00000': " in (error := capsys.readouterr().err)
    assert "give it more time" in error
