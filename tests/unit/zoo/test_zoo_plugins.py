"""Architectures from other packages: listed, resolved, built; and what is wrong with one stays with that one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from truscore import catalog
from truscore.catalog.plugins import GROUP
from truscore.recipes import InvalidConfig, recipe_from_json, recipe_to_json, resolve
from truscore.zoo import build_model
from truscore.zoo.framing import Framed

from services.cli.app import main
from tests.plugins.installed import EXAMPLE, install, write_metadata

ROW = ("experimental", "corner_whitening", "whitening_cnn")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The example package, installed."""
    site = install(EXAMPLE, tmp_path / "site")
    monkeypatch.syspath_prepend(str(site))
    yield site
    for module in [name for name in sys.modules if name.split(".")[0] == "example_architecture"]:
        del sys.modules[module]


def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, value: str = "PLUG_IN") -> None:
    """A package of one module."""
    site = tmp_path / f"site-{name}"
    site.mkdir()
    (site / f"{name}.py").write_text(content)
    write_metadata(site, name, "1.0", {GROUP: {name: f"{name}:{value}"}})
    monkeypatch.syspath_prepend(str(site))


def changed(**parts: str) -> str:
    """The example's plug-in under other parts, as a module's text."""
    arguments = ", ".join(f"{name}={value}" for name, value in parts.items())
    return (
        "from dataclasses import replace\nfrom example_architecture import CORNER_WHITENING as EXAMPLE\n"
        f"PLUG_IN = replace(EXAMPLE, {arguments})\n"
    )


def reasons() -> dict[str, str]:
    return {row.architecture: row.reason for row in catalog.rows() if row.category == "experimental"}


def test_without_plug_ins_the_category_is_refused_with_that_reason() -> None:
    assert [row for row in catalog.rows() if row.category == "experimental"] == []
    with pytest.raises(InvalidConfig, match="no plug-in is installed"):
        resolve("experimental", "corner_whitening")


@pytest.mark.usefixtures("example")
def test_an_installed_plug_in_is_a_row_of_the_catalog() -> None:
    row = catalog.row_of(*ROW)
    assert (row.available, row.task, row.bases) == (True, "ordinal_classification", ("example_whitening_cnn",))
    assert row.losses == ("corn", "coral", "cross_entropy")
    assert catalog.options("experimental") == ("corner_whitening",)
    assert catalog.rows()[-1] == row


@pytest.mark.usefixtures("example")
def test_the_command_line_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["catalog", "--json"])
    assert ended.value.code in {None, 0}
    (listed,) = [row for row in json.loads(capsys.readouterr().out) if row["category"] == "experimental"]
    assert (listed["option"], listed["architecture"], listed["available"]) == (*ROW[1:], True)
    assert listed["networks"][0]["licence"] == "Apache-2.0"


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("profile", ["small", "full"])
def test_its_recipe_is_resolved_with_overrides_and_survives_the_wire(profile: str) -> None:
    recipe = resolve(*ROW, {"loss_config": {"primary_loss": "coral"}}, profile=profile)
    assert (recipe.loss_config.primary_loss, recipe.image_size) == ("coral", 64)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe
    with pytest.raises(InvalidConfig, match="corn, coral, cross_entropy"):
        resolve(*ROW, {"loss_config": {"primary_loss": "dice_loss"}})


@pytest.mark.usefixtures("example")
def test_its_network_is_built_and_answers_as_its_task_asks() -> None:
    network = build_model(resolve(*ROW), 4).eval()
    assert isinstance(network, Framed)
    with torch.no_grad():
        answers = network.answers(network(torch.rand(2, 3, 64, 64)))
    assert answers["probabilities"].shape == (2, 4)
    assert sum(weights.numel() for weights in build_model(resolve(*ROW), 2).parameters()) == (
        catalog.network_of("example_whitening_cnn").parameters
    )


def test_listing_it_loads_no_torch(example: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(example)!r})\n"
        "from truscore import catalog\n"
        "assert catalog.rows()[-1].available\n"
        "print('torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.strip() == "False"


BROKEN = {
    "raises": ("raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
    "leaves": ("raise SystemExit(3)", "can't be imported: SystemExit"),
    "lacks": ("import a_module_that_nobody_has", "a_module_that_nobody_has"),
    "other": ("PLUG_IN = 7", "is int, not a PlugIn"),
    "nothing": ("", "AttributeError"),
    "task": (changed(option="'o'", task="'telepathy'"), "task 'telepathy': accepted are instance_segmentation"),
    "unnamed": (changed(option="'Not a name'"), "small letters"),
    "bare": (changed(option="'o'", networks="()"), "at least one Network"),
    "taken": (
        changed(option="'o'", networks="(replace(EXAMPLE.networks[0], name='resnet50'),)"),
        "'resnet50': the name is taken",
    ),
    "loose": (changed(option="'o'", builder="'nowhere'"), "expected package.module:function"),
    "cookless": (changed(option="'o'", recipe="lambda *row: 1 / 0"), "small recipe can't be made: ZeroDivisionError"),
    "wrong_cook": (changed(option="'o'", recipe="EXAMPLE.recipe and (lambda *row: None)"), "no Recipe of plain values"),
    "stray": (
        changed(option="'o'", recipe="lambda c, o, a, p: EXAMPLE.recipe(c, 'elsewhere', a, p)"),
        "another row of the catalog",
    ),
}


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plug_in_is_listed_with_its_reason_and_the_rest_works(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, reason = BROKEN[name]
    add(tmp_path, monkeypatch, name, content)
    rows = [row for row in catalog.rows() if row.category == "experimental"]
    (broken,) = [row for row in rows if not row.available]
    assert reason in broken.reason
    assert f"{name} 1.0" in broken.reason
    assert catalog.row_of(*ROW).available
    assert resolve(*ROW).architecture == "whitening_cnn"
    with pytest.raises(InvalidConfig):
        resolve("experimental", broken.option, broken.architecture)


@pytest.mark.usefixtures("example")
def test_two_plug_ins_for_one_architecture_are_both_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, monkeypatch, "twin", changed(builder="'twin:build'"))
    rows = [row for row in catalog.rows() if row.category == "experimental"]
    assert [row.available for row in rows] == [False, False]
    for row in rows:
        assert "corner_whitening/whitening_cnn is brought by example-architecture 0.1.0, twin 1.0" in row.reason


@pytest.mark.usefixtures("example")
def test_two_plug_ins_with_networks_of_one_name_are_both_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, monkeypatch, "cuckoo", changed(option="'elsewhere'"))
    assert [row.available for row in catalog.rows() if row.category == "experimental"] == [False, False]
    assert "network 'example_whitening_cnn' is brought by" in reasons()["whitening_cnn"]


@pytest.mark.usefixtures("example")
def test_a_builder_that_cannot_be_imported_is_refused_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = "(replace(EXAMPLE.networks[0], name='late_cnn'),)"
    recipe = (
        "lambda c, o, a, p: replace(r := EXAMPLE.recipe(c, o, a, p), "
        "architecture_config=replace(r.architecture_config, base_architecture='late_cnn'))"
    )
    builder = "'example_architecture.no_such_module:build'"
    add(tmp_path, monkeypatch, "late", changed(option="'late'", networks=networks, recipe=recipe, builder=builder))
    recipe_of_it = resolve("experimental", "late")
    with pytest.raises(InvalidConfig, match="no_such_module"):
        build_model(recipe_of_it, 3)
