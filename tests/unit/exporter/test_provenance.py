"""Which commits a model came of: the trainer's and the exporter's may be two."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

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
