"""Settings that are typed, suggested and taken from templates become one order."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.recipes import config_of, resolve
from truscore.recipes.phoenix import template_named, templates
from truscore.synthesis import render_dataset
from truscore.validation import DatasetOrder

from services.cli.app import main
from services.cli.context import CliError
from services.cli.handlers.publish import ready_of
from services.cli.inputs.order_builder import merged, read_config, read_settings_typed, wanted
from services.trainer.handlers.consume import overrides_of

Captured = pytest.CaptureFixture[str]
DUAL = "phoenix_border_detection_dual_class"


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No addresses: neither in the environment nor in a folder above."""
    for name in ("AMQP_URL", "S3_ENDPOINT"):
        monkeypatch.delenv(f"TRUSCORE_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_dataset(tmp_path_factory.mktemp("cards") / "set", count=6, seed=1)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def an_order(overrides: Any, **changes: Any) -> DatasetOrder:
    row = {"category": "border_detection", "option": "dual_class", "architecture": "mask_rcnn", **changes}
    return DatasetOrder(
        dataset_id="cards", version="1", uri="s3://truscore/datasets/cards/1/", overrides=overrides, **row
    )


def test_keys_are_set_one_by_one_with_values_as_json_or_words() -> None:
    typed = ["seed=7", "loss_config.primary_loss=focal_loss", "loss_config.focal_loss_params.gamma=1.5"]
    loss = {"primary_loss": "focal_loss", "focal_loss_params": {"gamma": 1.5}}
    assert read_settings_typed(typed) == {"seed": 7, "loss_config": loss}
    assert read_settings_typed(["a=true", "b=x=y", "c="]) == {"a": True, "b": "x=y", "c": ""}


@pytest.mark.parametrize("typed", [["seed"], ["=3"], ["seed=1", "seed.more=2"]])
def test_a_setting_that_says_nothing_is_refused_by_name(typed: list[str]) -> None:
    with pytest.raises(CliError, match="--set"):
        read_settings_typed(typed)


@settings(max_examples=50)
@given(st.dictionaries(st.text(st.characters(categories=["L"]), min_size=1), st.integers() | st.booleans()))
def test_any_key_and_plain_value_comes_back(values: dict[str, Any]) -> None:
    assert read_settings_typed([f"{key}={json.dumps(value)}" for key, value in values.items()]) == values


def test_what_is_set_goes_before_the_file_and_the_file_before_the_template() -> None:
    file = {"seed": 1, "image_size": 256}
    typed = merged(file, read_settings_typed(["seed=2"]))
    row = wanted(DUAL, category="", option="", architecture="", overrides=typed)
    assert (row.category, row.option, row.architecture) == ("border_detection", "dual_class", "mask_rcnn")
    assert (row.overrides["seed"], row.overrides["image_size"]) == (2, 256)
    assert row.overrides["architecture_config"] == template_named(DUAL).config["architecture_config"]


@pytest.mark.parametrize("template", templates(), ids=lambda template: str(template.name))
def test_a_template_crosses_the_wire_unchanged(template: Any) -> None:
    order = an_order(
        template.config, category=template.category, option=template.option, architecture=template.architecture
    )
    received = overrides_of(ready_of(order).training.config)
    recipe = resolve(template.category, template.option, template.architecture, received)
    assert config_of(recipe) == template.config


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("--template", "phoenix"), "phoenix_border_detection_single_class"),
        (("--template", DUAL, "-o", "single_class"), "'dual_class'"),
        ((), "--category is missing"),
        (("-c", "border_detection"), "--option is missing"),
        (("--template", DUAL, "--set", "loss_config.primary_loss=hinge"), "one of cross_entropy"),
        (("--template", DUAL, "--set", "loss_config.focal_loss_params.gamma=3"), "not focal_loss"),
    ],
)
def test_what_does_not_fit_is_refused_before_an_address_is_requested(
    cards: Path, arguments: tuple[str, ...], output: str, capsys: Captured
) -> None:
    assert run("submit", str(cards), *arguments) == 2
    error = capsys.readouterr().err
    assert output in error
    assert "TRUSCORE" not in error


def test_a_template_is_enough_to_order_with(cards: Path, capsys: Captured) -> None:
    assert run("submit", str(cards), "--template", DUAL, "--set", "seed=4") == 2
    assert "TRUSCORE_AMQP_URL is not set" in capsys.readouterr().err


def test_templates_are_listed_and_shown(capsys: Captured) -> None:
    assert run("templates", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [template["name"] for template in listed] == [template.name for template in templates()]
    assert listed[0]["config"]["architecture_config"]["base_architecture"]
    assert run("templates", DUAL) == 0
    assert "centring" in capsys.readouterr().out
    assert run("templates", "none") == 2
    assert DUAL in capsys.readouterr().err


def test_a_suggestion_is_written_as_a_configuration_that_an_order_takes(cards: Path, capsys: Captured) -> None:
    arguments = ("suggest", str(cards), "-c", "border_detection", "-o", "dual_class")
    assert run(*arguments, "--output", "config.json", "--json") == 0
    output = json.loads(capsys.readouterr().out)
    assert output["statistics"]["images"] == 6
    assert output["hardware"]["cpu_cores"] >= 1
    assert all(choice["reason"] for choice in output["choices"])
    config = read_config("config.json")
    assert config == output["config"]
    assert config_of(resolve("border_detection", "dual_class", output["architecture"], config)) == config
    received = overrides_of(ready_of(an_order(config)).training.config)
    assert config_of(resolve("border_detection", "dual_class", "mask_rcnn", received)) == config
    assert run("submit", str(cards), "-c", "border_detection", "-o", "dual_class", "--config", "config.json") == 2
    assert "TRUSCORE_AMQP_URL is not set" in capsys.readouterr().err


def test_a_suggestion_tells_people_its_reasons_and_how_to_order(cards: Path, capsys: Captured) -> None:
    assert run("suggest", str(cards), "-c", "border_detection", "-o", "dual_class") == 0
    shown = capsys.readouterr()
    assert "not known whether the store has them" in shown.out or "none are published" in shown.out
    assert "truscore submit" in shown.err


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("nowhere", "-c", "border_detection", "-o", "dual_class"), "is no folder"),
        (("SET", "-c", "border_detection", "-o", "triple"), "triple"),
        (("SET", "-c", "border_detection", "-o", "dual_class", "-a", "alexnet"), "alexnet"),
        (("SET", "-c", "border_detection", "-o", "dual_class", "--output", "no/where.json"), "no/where.json"),
    ],
)
def test_a_suggestion_that_cannot_be_made_says_why(
    cards: Path, arguments: tuple[str, ...], output: str, capsys: Captured
) -> None:
    assert run("suggest", *(str(cards) if argument == "SET" else argument for argument in arguments)) == 2
    assert output in capsys.readouterr().err


@pytest.mark.parametrize("command", ["suggest", "augment"])
def test_a_dataset_without_what_the_option_learns_from_is_refused_by_name(
    cards: Path, capsys: Captured, tmp_path: Path, command: str
) -> None:
    row = ("-c", "corner_analysis", "-o", "quality_classification", "--output", str(tmp_path / "out"))
    assert run(command, str(cards), *row) == 1
    error = capsys.readouterr().err
    assert "learns from one grade for each image; none of" in error
    assert "truscore validate" in error
    assert not (tmp_path / "out").exists()
