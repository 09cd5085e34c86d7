"""`truscore predict` on really exported files: what it says, what it draws, and what it refuses to run."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from truscore.releases import fetch_release
from truscore.storage import MemoryStore
from truscore.storage.signing import Verifier, key_id_of

from services.cli.app import main
from tests.unit.inference.exports import Export, Exported
from tests.unit.releases.kept import OTHER_PUBLIC, PRIVATE, PUBLIC, keep, place

Captured = pytest.CaptureFixture[str]
NOT_VERIFIED = 8


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No addresses and no keys: neither in the environment nor in a folder above."""
    for name in ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "MONITOR_ADDRESS", "MODEL_TRUSTED_KEYS"):
        monkeypatch.delenv(f"TRUSCORE_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def scores(exported: Export) -> Exported:
    return exported("scores")


@pytest.fixture
def folder(scores: Exported, tmp_path: Path) -> Path:
    """As `truscore fetch` leaves it, the package beside, signed."""
    store = MemoryStore()
    release = keep(store, "truscore", tmp_path / "made", model=scores.path.read_bytes(), key=PRIVATE)
    formats = ("onnx", "package")
    fetched = fetch_release(
        store, place("truscore", release), tmp_path / "fetched", verifier=Verifier(), formats=formats
    )
    return fetched.folder


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["predict", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_each_picture_is_a_line_of_json(scores: Exported, capsys: Captured) -> None:
    assert run(scores.path, *scores.pictures, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["image"] for line in lines] == [str(picture) for picture in scores.pictures]
    assert [line["scores"] for line in lines] == [
        pytest.approx(scores.eager(picture).scores, abs=0.001) for picture in scores.pictures
    ]
    assert {(line["model_id"], line["version"], line["task"]) for line in lines} == {
        ("corner_analysis.sharpness_rating.custom_cnn", "run-1", "regression")
    }


def test_csv_has_a_header_and_a_row_for_each_finding(exported: Export, capsys: Captured) -> None:
    model = exported("borders")
    assert run(model.path, model.pictures[0], "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    found = model.eager(model.pictures[0]).detections
    assert found
    assert len(rows) == len(found)
    assert {row["name"] for row in rows} <= {"outer_border", "graphical_border"}
    assert float(rows[0]["score"]) == pytest.approx(found[0].score, abs=0.01)
    assert {"corner1_x", "corners_from", "left_right", "top_bottom", "measured_from"} <= set(rows[0])


def test_people_see_a_table_and_what_was_verified(folder: Path, scores: Exported, capsys: Captured) -> None:
    assert run(folder, scores.pictures[0]) == 0
    output = capsys.readouterr()
    assert "sharpness" in output.out
    assert scores.pictures[0].name in output.out.replace("\n", "")
    assert "size and digest verified, no signature was required" in output.err


def test_pictures_of_a_folder_are_drawn_each_under_a_name_of_its_own(
    exported: Export, tmp_path: Path, capsys: Captured
) -> None:
    model = exported("borders")
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        shutil.copy(model.pictures[0], tmp_path / "in" / name / "card.png")
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    assert run(model.path, "in", "--to", "drawn", "--json") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "card-2.predicted.png", "card.predicted.png"
    ]  # fmt: skip
    with Image.open(tmp_path / "drawn" / "card.predicted.png") as drawn:
        drawn.load()


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_done(
    scores: Exported, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "broken.png").write_bytes(scores.pictures[0].read_bytes()[:300])
    assert run(scores.path, "broken.png", scores.pictures[0], "--to", "drawn", "--json") == 1
    output = capsys.readouterr()
    broken, whole = (json.loads(line) for line in output.out.splitlines())
    assert "broken.png" in broken["error"]
    assert whole["scores"]
    assert "1 of 2 pictures could not be used" in output.err
    assert run(scores.path, "broken.png", "--csv") == 1
    assert next(csv.DictReader(io.StringIO(capsys.readouterr().out)))["error"]


@pytest.mark.parametrize("what", ["folder", "file", "package"])
def test_a_changed_file_is_refused_by_name_before_it_is_run(
    what: str, folder: Path, scores: Exported, capsys: Captured
) -> None:
    name = "package.tar" if what == "package" else "model.onnx"
    content = bytearray((folder / name).read_bytes())
    # In the middle of the weights: where the archive holds the model, and still a graph.
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    assert run(folder if what == "folder" else folder / name, scores.pictures[0], "--json") == NOT_VERIFIED
    output = capsys.readouterr()
    assert output.out == ""
    assert "refused: " in output.err
    assert "model.onnx has SHA-256" in output.err


def test_only_what_a_trusted_key_signed_is_run_where_keys_are_trusted(
    folder: Path, scores: Exported, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("TRUSCORE_MODEL_TRUSTED_KEYS", json.dumps([PUBLIC]))
    for model in (folder, folder / "model.onnx", folder / "package.tar"):
        assert run(model, scores.pictures[0], "--json") == 0
        assert f"signed by {key_id_of(PUBLIC)}" in capsys.readouterr().err
    assert run(scores.path, scores.pictures[0]) == NOT_VERIFIED
    assert "has no manifest.json beside it" in capsys.readouterr().err
    monkeypatch.setenv("TRUSCORE_MODEL_TRUSTED_KEYS", json.dumps([OTHER_PUBLIC]))
    assert run(folder, scores.pictures[0]) == NOT_VERIFIED
    assert f"signed by {key_id_of(PUBLIC)}; trusted keys: " in capsys.readouterr().err


def test_what_cannot_be_used_is_refused_by_name(
    scores: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (tmp_path / "other.onnx").write_bytes(b"not a graph")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    picture = scores.pictures[0]
    refused = [
        (("other.onnx", picture), 2, "other.onnx cannot be loaded as ONNX"),
        (("gone.onnx", picture), 4, "'gone.onnx' is not there; accepted: an ONNX file"),
        (("empty", picture), 2, "empty has no manifest.json"),
        ((scores.path, "gone.png"), 4, "gone.png is not there"),
        ((scores.path, "empty"), 4, "empty holds no picture; accepted: .bmp"),
        ((scores.path, picture, "--json", "--csv"), 2, "accepted: one of them"),
        ((scores.path, picture, "--to", "file"), 2, "'file' is there and no folder"),
        (("run-1", picture), 2, "TRUSCORE_S3_ENDPOINT is not set"),
    ]
    for arguments, code, named in refused:
        assert run(*arguments) == code
        assert named in capsys.readouterr().err
    monkeypatch.setenv("TRUSCORE_MODEL_TRUSTED_KEYS", '["short"]')
    assert run(scores.path, picture) == 2
    assert "TRUSCORE_MODEL_TRUSTED_KEYS: an Ed25519 public key has 64" in capsys.readouterr().err
