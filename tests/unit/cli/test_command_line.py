"""The command itself: words out, exit codes, and what it loads."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from truscore.process.identity import process_identity
from truscore.storage import MemoryStore
from truscore.storage.folder_upload import EmptyFolder, files_of, upload
from truscore.synthesis import render_dataset

from services.cli.app import main
from services.cli.settings import read_settings

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No addresses: neither in the environment nor in a folder above."""
    for name in ("AMQP_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "MONITOR_ADDRESS"):
        monkeypatch.delenv(f"TRUSCORE_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_dataset(tmp_path_factory.mktemp("cards") / "set", count=6, seed=1)


def test_synth_writes_cards_that_validate_accepts(tmp_path: Path, capsys: Captured) -> None:
    assert run("synth", "out", "--count", "24", "--seed", "3", "--json") == 0
    assert json.loads(capsys.readouterr().out)["count"] == 24
    assert run("validate", "out", "-c", "border_detection", "-o", "dual_class", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["accepted"]
    assert report["statistics"]["images"] == 24


def test_synth_writes_surfaces_under_lights_that_validate_accepts(capsys: Captured) -> None:
    assert run("synth", "lit", "--format", "multi_light", "-n", "3", "--lights", "4", "--size", "48x40", "--json") == 0
    assert json.loads(capsys.readouterr().out)["option"] == "lit_surfaces"
    assert run("validate", "lit", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["accepted"], report["statistics"]["images"]) == (True, 12)


def test_normals_writes_the_maps_of_each_object(capsys: Captured) -> None:
    assert run("synth", "lit", "--format", "multi_light", "-n", "2", "--lights", "6", "--size", "48x40") == 0
    capsys.readouterr()
    assert run("normals", "lit", "--to", "maps", "--pitch-um", "20", "--json") == 0
    found = json.loads(capsys.readouterr().out)["objects"]
    assert [one["object"] for one in found] == ["card-00000", "ellipsoid-00001"]
    assert all(one["mean_deg"] < 15 for one in found)
    for one in found:
        names = {path.stem for path in Path(one["folder"]).glob("*.png")}
        assert names == {"normals", "depth_um", "slope", "curvature", "lamp_deviation", "marks"}
        header, *rows = (Path(one["folder"]) / "marks.csv").read_text().splitlines()
        assert header == "kind,x_px,y_px,length_um,width_um,depth_um,area_px"
        assert len(rows) == len(one["marks"])
    assert run("normals", "lit", "--to", "maps") == 2
    assert "not an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lamps", "more", "maps"),
    [
        (("top", "right", "bottom"), (), {"lamp_deviation"}),
        (("top", "right", "bottom", "left"), (), {"lamp_deviation", "relative_depth", "relative_slope"}),
        (
            ("top", "right", "bottom", "left"),
            ("--lamp-height", "30"),
            {"lamp_deviation", "normals", "depth_px", "slope", "curvature", "marks"},
        ),
    ],
)
def test_normals_of_lamps_that_are_only_named_are_as_much_as_follows_from_their_sides(
    lamps: tuple[str, ...], more: tuple[str, ...], maps: set[str], capsys: Captured
) -> None:
    shade = np.random.default_rng(1).integers(60, 200, (40, 48, 3), dtype=np.uint8)
    for lamp in lamps:
        path = Path("named") / "card" / f"card_{lamp}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shade // 4 * (3 if lamp == "top" else 2)).save(path)
    assert run("normals", "named", "--to", "maps", *more, "--json") == 0
    [one] = json.loads(capsys.readouterr().out)["objects"]
    assert {path.stem for path in Path(one["folder"]).glob("*.png")} == maps
    assert one.get("relative", False) == ("relative_depth" in maps)


def test_view_pictures_makes_one_of_each_objects_views_and_more_of_the_same_kind(capsys: Captured) -> None:
    assert run("synth", "lit", "--format", "multi_light", "-n", "2", "--lights", "6", "--size", "48x40") == 0
    capsys.readouterr()
    assert run("view-pictures", "lit", "--to", "made", "--channels", "grey,slope,curvature", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == ["card-00000.png", "ellipsoid-00001.png"]
    assert [row["map"] for row in found["channels"]] == ["grey", "slope", "curvature"]
    assert run("view-pictures", "lit", "--to", "again", "--like", "made") == 0
    for name in (*found["images"], "view_channels.json"):
        assert Path("again", name).read_bytes() == Path("made", name).read_bytes()
    capsys.readouterr()
    for arguments, said in (
        (("--to", "made"), "not an empty folder"),
        (("--to", "new", "--channels", "grey,depth,slope"), "accepted are three of"),
        (("--to", "new", "--like", "lit"), "view_channels.json cannot be read"),
    ):
        assert run("view-pictures", "lit", *arguments) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lights", "more", "maps"),
    [
        (6, (), {"lamp_deviation", "relative_depth", "relative_slope"}),
        (
            6,
            ("--kind", "object", "--lamp-height", "50"),
            {"lamp_deviation", "normals", "depth_px", "slope", "curvature", "marks"},
        ),
        (3, (), {"lamp_deviation"}),
    ],
)
def test_normals_finds_lamps_that_nothing_is_known_of_and_says_what_it_assumed(
    lights: int, more: tuple[str, ...], maps: set[str], capsys: Captured
) -> None:
    assert run("synth", "lit", "--format", "multi_light", "-n", "2", "--lights", str(lights), "--size", "48x40") == 0
    shutil.rmtree(Path("lit/card-00000"))
    # A list of images and none of lights is what uncalibrated sets have.
    home = Path("lit/ellipsoid-00001")
    (home / "filenames.txt").rename(home / "names.txt")
    for name in ("light_directions.txt", "light_intensities.txt"):
        (home / name).unlink()
    capsys.readouterr()
    assert run("normals", "lit", "--to", "maps", *more, "--json") == 0
    [one] = json.loads(capsys.readouterr().out)["objects"]
    assert {path.stem for path in Path(one["folder"]).glob("*.png")} == maps
    if lights < 4:
        assert one["not_found"].startswith("3 lights without directions")
        return
    assert [each.split(":")[0] for each in one["assumed"]][-1] == "sign"
    assert (Path(one["folder"]) / "lights.csv").is_file() == bool(more)
    assert ("mean_deg" in one) == bool(more)
    assert one.get("mean_deg", 0) < 20


def test_synth_does_not_write_into_a_folder_with_something_in_it(cards: Path, capsys: Captured) -> None:
    assert run("synth", str(cards)) == 2
    assert "not an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "named"), [(("--format", "voc9"), "voc9"), (("--size", "big"), "WIDTHxHEIGHT")])
def test_synth_names_what_it_does_not_accept(arguments: tuple[str, ...], named: str, capsys: Captured) -> None:
    assert run("synth", "out", *arguments) == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mobile", "quantized"])
def test_a_format_that_is_not_made_is_refused_before_anything_is_uploaded(
    name: str, cards: Path, capsys: Captured
) -> None:
    assert run("submit", str(cards), "-c", "border_detection", "-o", "dual_class", "--export", name) == 2
    assert f"export format {name!r} is not made" in (output := capsys.readouterr().err)
    assert "accepted are onnx" in output


def test_validate_ends_with_one_and_names_the_defect_of_a_broken_dataset(tmp_path: Path, capsys: Captured) -> None:
    folder = render_dataset(tmp_path / "broken", count=4, seed=1)
    image = sorted((folder / "images").iterdir())[0]
    image.write_bytes(image.read_bytes()[:200])
    assert run("validate", str(folder), "-c", "border_detection", "-o", "dual_class") == 1
    output = capsys.readouterr().out
    assert image.name in output
    assert "rejected" in output


def test_validate_says_what_formats_there_are(cards: Path, capsys: Captured) -> None:
    assert run("validate", str(cards), "--format", "stone") == 2
    assert "'stone'; accepted: " in capsys.readouterr().err
    assert run("validate", "/no/such/folder") == 2


def test_an_address_that_is_missing_is_named_with_what_to_do(cards: Path, capsys: Captured) -> None:
    assert run("submit", str(cards), "-c", "border_detection", "-o", "dual_class") == 2
    output = capsys.readouterr().err
    assert "TRUSCORE_AMQP_URL is not set" in output
    assert "make up" in output
    assert run("runs") == 2
    assert "TRUSCORE_MONITOR_ADDRESS is not set" in capsys.readouterr().err


def test_an_order_that_cannot_be_carried_out_is_refused_before_an_address_is_requested(
    cards: Path, capsys: Captured
) -> None:
    assert run("submit", str(cards), "-c", "border_detection", "-o", "dual_class", "-a", "alexnet") == 2
    output = capsys.readouterr().err
    assert "alexnet" in output
    assert "mask_rcnn" in output
    assert "TRUSCORE" not in output


def test_dead_letters_are_replayed_by_name_or_all_but_not_by_accident(capsys: Captured) -> None:
    assert run("dead", "replay", "trainer") == 2
    assert "--all" in capsys.readouterr().err


def test_a_broker_that_does_not_answer_ends_with_three(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("TRUSCORE_MONITOR_ADDRESS", "127.0.0.1:1")
    assert run("show", "run-1") == 3
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_the_catalog_as_json_says_what_is_available(capsys: Captured) -> None:
    assert run("catalog", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    available = {(row["option"], row["architecture"]) for row in rows if row["available"]}
    assert ("dual_class", "mask_rcnn") in available
    assert len(rows) > 20


def test_help_says_the_exit_codes(capsys: Captured) -> None:
    assert run("--help") == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "0 done · 1 failed · 2 usage · 3 unreachable · 4 not found · 5 rejected" in output


def test_addresses_of_a_stack_above_are_found_and_the_environment_goes_before_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "stack.env").write_text(
        "TRUSCORE_AMQP_URL=amqp://of-the-file/\nTRUSCORE_MONITOR_ADDRESS=h:1\nTRUSCORE_OTHER=x\n"
    )
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.setenv("TRUSCORE_AMQP_URL", "amqp://of-the-environment/")
    settings, _, where = read_settings(below)
    assert settings.amqp_url.get_secret_value() == "amqp://of-the-environment/"
    assert settings.monitor_address == "h:1"
    assert str(tmp_path / ".local" / "stack.env") in where


def test_addresses_that_a_killed_stack_left_are_passed_over_and_reported_to_be_left(
    tmp_path: Path,
) -> None:
    here, above = tmp_path / "a" / ".local" / "stack.env", tmp_path / ".local" / "stack.env"
    for path, process in ((here, f"{process_identity(os.getpid())}0"), (above, process_identity(os.getpid()))):
        path.parent.mkdir(parents=True)
        path.write_text(f"TRUSCORE_AMQP_URL=amqp://{path.parent.parent.name}/\nTRUSCORE_STACK_PROCESS={process}\n")
    settings, _, where = read_settings(here.parent.parent)
    assert (settings.amqp_url.get_secret_value(), str(above) in where) == (f"amqp://{tmp_path.name}/", True)
    above.unlink()
    settings, _, where = read_settings(here.parent.parent)
    assert settings.amqp_url.get_secret_value() == ""
    assert f"{here} is left of a stack that no longer runs" in where


def test_a_folder_is_uploaded_whole_without_hidden_files_and_our_own(cards: Path) -> None:
    hidden = [cards / ".cache" / "x", cards / "_truscore" / "verdict.json"]
    for path in hidden:
        path.parent.mkdir(exist_ok=True)
        path.write_text("no")
    store, seen = MemoryStore(), list[tuple[int, int]]()
    upload(store, cards, "s3://bucket/d/1/", progress=lambda done, total: seen.append((done, total)))
    stored = {entry.uri.removeprefix("s3://bucket/d/1/") for entry in store.list("s3://bucket/d/1/")}
    assert stored == {path.relative_to(cards).as_posix() for path in files_of(cards)}
    assert len(stored) == 7
    assert seen[-1] == (7, 7)


def test_an_empty_folder_is_not_uploaded(tmp_path: Path) -> None:
    with pytest.raises(EmptyFolder, match="holds no files"):
        files_of(tmp_path)


def test_the_command_is_loaded_without_torch_arrays_or_the_bus() -> None:
    script = (
        "import sys; import services.cli.app; "
        "heavy = {'torch', 'numpy', 'PIL', 'cv2', 'faststream', 'grpc', 'google.protobuf', 'onnx', 'minio'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_command_module_needs_torch() -> None:
    script = (
        "import sys, pkgutil, importlib, services.cli as room\n"
        "sys.modules['torch'] = None\n"
        "for found in pkgutil.walk_packages(room.__path__, 'services.cli.'):\n"
        "    found.name.endswith('__main__') or importlib.import_module(found.name)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
