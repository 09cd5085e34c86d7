"""Recipes as text, as parameters, and as the name of a run."""

import json
from dataclasses import replace

import pytest
from truscore.recipes import (
    InvalidConfig,
    Recipe,
    config_of,
    flat_parameters,
    recipe_from_json,
    recipe_to_json,
    resolve,
    run_id_for,
)

RECIPE = resolve("border_detection", "dual_class")


def test_a_recipe_comes_back_from_its_text_and_from_its_tree() -> None:
    text = recipe_to_json(RECIPE)
    assert recipe_from_json(text) == recipe_from_json(text.encode()) == recipe_from_json(json.loads(text)) == RECIPE


def test_equal_recipes_have_equal_text() -> None:
    shuffled = dict(reversed(json.loads(recipe_to_json(RECIPE)).items()))
    assert recipe_to_json(recipe_from_json(shuffled)) == recipe_to_json(RECIPE)


def test_whole_numbers_in_place_of_real_ones_are_read() -> None:
    tree = json.loads(recipe_to_json(RECIPE))
    tree["hyperparameters"]["optimization"]["gradient_clipping"] = 10
    assert recipe_from_json(tree) == RECIPE


@pytest.mark.parametrize("damage", ["missing", "extra", "type", "flag"])
def test_text_of_something_else_is_refused(damage: str) -> None:
    tree = json.loads(recipe_to_json(RECIPE))
    if damage == "missing":
        del tree["loss_config"]["primary_loss"]
    elif damage == "extra":
        tree["loss_config"]["more"] = 1
    elif damage == "type":
        tree["seed"] = "0"
    else:
        tree["seed"] = True
    with pytest.raises(InvalidConfig):
        recipe_from_json(tree)


def test_a_recipe_of_before_shares_could_be_chosen_has_those_of_then() -> None:
    tree = json.loads(recipe_to_json(RECIPE))
    del tree["split"]
    assert recipe_from_json(tree) == RECIPE


def with_folds(folds: int) -> Recipe:
    process = {"cross_validation_folds": folds}
    return resolve("border_detection", "dual_class", "", {"hyperparameters": {"training_process": process}})


def test_a_recipe_without_folds_has_the_bytes_and_the_name_it_had_before_there_were_any() -> None:
    assert "cross_validation_folds" not in recipe_to_json(RECIPE)
    assert recipe_to_json(with_folds(0)) == recipe_to_json(RECIPE)
    assert "cross_validation_folds" not in " ".join(flat_parameters(RECIPE))


def test_folds_are_written_and_make_another_run() -> None:
    folded = with_folds(5)
    assert recipe_from_json(recipe_to_json(folded)) == folded
    assert config_of(folded)["hyperparameters"]["training_process"]["cross_validation_folds"] == 5
    assert run_id_for("d" * 64, folded, "r1") != run_id_for("d" * 64, RECIPE, "r1")


def test_parameters_are_flat_and_text() -> None:
    parameters = flat_parameters(RECIPE)
    assert parameters["hyperparameters.optimization.learning_rate"] == "0.002"
    assert parameters["architecture_config.multi_gpu_support"] == "true"
    assert all(isinstance(value, str) for value in parameters.values())


def test_the_same_request_twice_is_the_same_run() -> None:
    assert run_id_for("d" * 64, RECIPE, "r1") == run_id_for("d" * 64, RECIPE, "r1")


def test_data_recipe_and_request_each_make_another_run() -> None:
    other = replace(RECIPE, seed=1)
    names = {
        run_id_for("d" * 64, RECIPE, "r1"),
        run_id_for("e" * 64, RECIPE, "r1"),
        run_id_for("d" * 64, other, "r1"),
        run_id_for("d" * 64, RECIPE, "r2"),
    }
    assert len(names) == 4
    assert all(name.startswith("run-") and len(name) == 24 for name in names)
