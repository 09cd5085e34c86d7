"""What was typed becomes an order and its message."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.ordering import version_at
from truscore.validation import DatasetOrder

from services.cli.context import CliError, Code
from services.cli.handlers.publish import ready_of
from services.cli.inputs.order_builder import dataset_name, read_config, read_settings_typed, refuse, wanted


def an_order(**changes: object) -> DatasetOrder:
    given = {
        "dataset_id": "cards",
        "version": "1",
        "uri": "s3://truscore/datasets/cards/1/",
        "category": "border_detection",
        "option": "dual_class",
    }
    return DatasetOrder(**{**given, **changes})  # type: ignore[arg-type]


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=50)
def test_a_dataset_id_made_of_any_name_with_a_letter_is_one_the_contract_accepts(before: str, after: str) -> None:
    name = dataset_name(f"{before}x{after}".replace("/", ""))
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name)
    refuse(an_order(dataset_id=name))


@pytest.mark.parametrize("path", ["/", "§§", ".."])
def test_a_path_that_no_dataset_id_can_be_made_of_asks_for_one(path: str) -> None:
    with pytest.raises(CliError, match="--id"):
        dataset_name(path)


def test_a_version_made_of_the_time_tells_milliseconds_apart() -> None:
    assert version_at(datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)) == "20260203T040506789"


def test_configuration_is_read_as_typed_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"seed": 3}')
    assert read_config('{"seed": 3}') == read_config(str(file)) == {"seed": 3}
    assert read_config("") == {}


@pytest.mark.parametrize(
    ("typed", "output"),
    [
        ("{nonsense", "not JSON"),
        ("/no/such/file.json", "No such file"),
        ("LIST", "holds list; accepted: a JSON object"),
    ],
)
def test_a_configuration_that_cannot_be_used_says_why(typed: str, output: str, tmp_path: Path) -> None:
    if typed == "LIST":
        (tmp_path / "list.json").write_text("[1]")
        typed = str(tmp_path / "list.json")
    with pytest.raises(CliError, match=output) as refused:
        read_config(typed)
    assert refused.value.code is Code.USAGE


def test_an_order_carries_the_configuration_under_its_very_keys() -> None:
    overrides = {
        "hyperparameters": {"training_process": {"epochs": 3}, "optimization": {"learning_rate": 8e-4}},
        "loss_config": {"primary_loss": "focal_loss"},
        "seed": 7,
        "image_size": 128,
    }
    ready = ready_of(an_order(overrides=overrides, architecture="mask_rcnn", export_formats=("onnx",)))
    config = ready.training.config
    assert ready.training.architecture == "mask_rcnn"
    assert config.hyperparameters.training_process.epochs == 3
    assert config.hyperparameters.optimization.learning_rate == 8e-4
    assert config.loss_config.primary_loss == "focal_loss"
    assert (config.seed, config.image_size) == (7, 128)
    assert not config.hyperparameters.optimization.HasField("batch_size")


def test_a_batch_of_auto_is_carried_as_the_contract_has_it() -> None:
    overrides = read_settings_typed(["hyperparameters.optimization.batch_size=auto", "seed=3"])
    optimization = ready_of(an_order(overrides=overrides)).training.config.hyperparameters.optimization
    assert optimization.find_batch_size
    assert not optimization.HasField("batch_size")


def test_the_rate_of_a_template_still_belongs_to_the_templates_batch() -> None:
    name = "phoenix_border_detection_dual_class"
    typed = read_settings_typed(["hyperparameters.optimization.batch_size=auto"])
    plain, found = (wanted(name, category="", option="", architecture="", overrides=each) for each in ({}, typed))
    optimization = found.overrides["hyperparameters"]["optimization"]
    assert optimization == plain.overrides["hyperparameters"]["optimization"] | {"find_batch_size": True}
    assert ready_of(an_order(overrides=found.overrides)).training.config.hyperparameters.optimization.batch_size > 1


def test_an_order_without_settings_carries_no_training_spec() -> None:
    assert not ready_of(an_order()).HasField("training")


def test_a_configuration_key_that_the_contract_has_not_is_refused_by_name() -> None:
    with pytest.raises(CliError, match="warmup"):
        ready_of(an_order(overrides={"warmup": 1}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"architecture": "alexnet"}, "alexnet"),
        ({"option": "triple_class"}, "triple_class"),
        ({"dataset_id": "a b"}, "a b"),
        ({"overrides": {"hyperparameters": {"optimization": {"batch_size": 0}}}}, "batch_size"),
        (
            {"overrides": {"hyperparameters": {"optimization": {"batch_size": "largest"}}}},
            "batch_size: 'largest' is not accepted; accepted: a whole number from 1 to 4096, or auto",
        ),
        (
            {"overrides": {"hyperparameters": {"optimization": {"batch_size": "auto", "find_batch_size": False}}}},
            "auto where find_batch_size is not false",
        ),
    ],
)
def test_what_no_trainer_could_carry_out_is_refused_before_any_work(changes: dict[str, object], named: str) -> None:
    with pytest.raises(CliError, match=named) as refused:
        refuse(an_order(**changes))
    assert refused.value.code is Code.USAGE
