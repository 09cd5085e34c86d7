"""What a model came of, by the report of its run: commits of trainer and exporter, and how it was trained."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from truscore.recipes import recipe_to_json, resolve

from services.exporter.model_card import model_card
from services.exporter.packaging.origin import UNKNOWN, from_report
from services.exporter.packaging.provenance import provenance_of
from services.exporter.release import Release

REPORT: dict[str, Any] = {
    "recipe": {"architecture_config": {"base_architecture": "resnet18", "pretrained_weights": "none"}},
    "dataset": {"images": {"training": 23}},
    "test": {},
    "errors": {"confused": [], "by_property": [], "worst": [], "error_name": "", "mean_error": 0.0},
}


def commits(release: Release, report: dict[str, Any]) -> dict[str, str]:
    origin = replace(UNKNOWN, code_commit="e" * 40, **from_report(json.dumps(report).encode()))
    build = provenance_of(release, origin, {"model.onnx": "a" * 64})["predicate"]["buildDefinition"]
    return {each["name"]: each["digest"]["gitCommit"] for each in build["resolvedDependencies"]}


def test_provenance_names_the_commits_of_exporter_and_trainer(release_with: Callable[..., Release]) -> None:
    found = commits(release_with(), {**REPORT, "git_commit": "f" * 40})
    assert found == {"code": "e" * 40, "training_code": "f" * 40}


def test_a_report_of_an_older_trainer_names_no_commit(release_with: Callable[..., Release]) -> None:
    assert commits(release_with(), REPORT) == {"code": "e" * 40}


def test_a_card_says_how_its_model_was_trained_and_what_batch_was_found(release_with: Callable[..., Release]) -> None:
    changes = {"seed": 7, "hyperparameters": {"optimization": {"batch_size": 16, "learning_rate": 0.004}}}
    recipe = json.loads(recipe_to_json(resolve("border_detection", "dual_class", "mask_rcnn", changes)))
    found = "16 images instead of 4, at a learning rate of 0.004: more would be no faster"
    report = REPORT | {"recipe": recipe, "best_epoch": 3, "epochs": [{}] * 5, "notes": {"batch_size": found}}
    card = model_card(release_with(), replace(UNKNOWN, **from_report(json.dumps(report).encode())))
    training = card.partition("## Training\n")[2].partition("##")[0]
    for row in (
        "Epoch handed over | 3 of 5",
        "Samples | whole images",
        "Sample size in pixels | 160",
        "Batch size of a process | 16",
        f"Why that batch size | {found}",
        "Learning rate | 0.004",
        "Seed | 7",
    ):
        assert f"| {row} |" in training


def test_a_card_of_a_run_whose_report_is_gone_says_that_its_training_is_not_on_record(
    release_with: Callable[..., Release],
) -> None:
    assert "## Training\n\nNot on record." in model_card(release_with())
