"""Measurements as a page of Markdown. Pure."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from truscore.catalog.purpose import score_of

from tests.bench.results.experiments import EXPERIMENTS, Experiment

HEAD = """# What the recipes reach on real images

Cross-validated: every image is evaluated once for each seed, by a network that saw neither it nor its kin. *Pooled*
is the metric over all images of a seed at once, the mean over seeds; *folds* is mean and standard deviation over the
folds of all seeds. *Trivial* is the best of the predictors that look at no picture, on the same images, and *before*
the row's previous figure, of the recipe below the table. Nothing is chosen by the images it is evaluated on: that is
the network of the last epoch or, of damage from windows, the epoch and threshold that images kept out of the fold's
training choose. Unless a row says otherwise, it is of the recipe as orders get it on a CPU with the extra `weights`
installed.
`python -m tests.bench.results run NAME` measures a row again (it needs the real data beside the repository);
`python -m tests.bench.results page > docs/results.md` makes this page of what lies in `docs/results/`.
Normals, depth and reflectance from views under many lights are measured beside solvers that learn nothing, with
pictures: [accuracy](accuracy.md#surface-normals-from-views-under-many-lights).
"""


def page(folder: Path) -> str:
    """The page from the JSON files in the folder; a case without one is said to be unmeasured."""
    return "\n".join(
        [HEAD, *(_section(name, experiment, folder / f"{name}.json") for name, experiment in EXPERIMENTS.items())]
    )


def _section(name: str, experiment: Experiment, path: Path) -> str:
    command = f"`python -m tests.bench.results run {name}`"
    lines = [
        f"## {experiment.title}\n",
        f"`{experiment.category} / {experiment.option} / {experiment.architecture}`, {command}. {experiment.remark}\n",
    ]
    if not path.exists():
        return "\n".join([*lines, "Not measured yet.\n"])
    found = json.loads(path.read_text(encoding="utf-8"))
    return "\n".join([*lines, _about(found), "", *_table(experiment, found), *_before(found), *_note(found), ""])


def _about(found: Mapping[str, Any]) -> str:
    recipe = found["recipe"]
    return (
        f"{found['images']} images, {found['folds']} folds, seeds {', '.join(map(str, found['seeds']))}, "
        f"{recipe['hyperparameters']['training_process']['epochs']} epochs at {recipe['image_size']} px, "
        f"{_network(recipe['architecture_config'])}, on {found['device']}, {found['minutes']:.0f} minutes."
    )


def _network(architecture: Mapping[str, Any]) -> str:
    start = architecture["pretrained_weights"]
    return f"{architecture['base_architecture']} " + ("from scratch" if start == "none" else f"from {start}")


def _table(experiment: Experiment, found: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| `{metric}` | {found['pooled'][metric]['mean']:.3f} | {_spread(found['metrics'].get(metric))} | "
        f"{_trivial(metric, found)} | {_number(found.get('previous', {}).get('pooled', {}).get(metric))} |"
        for metric in experiment.metrics
        if metric in found["pooled"]
    ]
    return ["| metric | pooled | folds | trivial | before |", "|---|---|---|---|---|", *rows]


def _trivial(metric: str, found: Mapping[str, Any]) -> str:
    """The best of them, by name."""
    of_each = {name: metrics[metric]["mean"] for name, metrics in found.get("trivial", {}).items() if metric in metrics}
    if not of_each:
        return ""
    best = max(of_each, key=lambda name: score_of(metric, of_each[name]))
    return f"{of_each[best]:.3f} ({best.replace('_', ' ')})"


def _before(found: Mapping[str, Any]) -> list[str]:
    if "previous" not in found:
        return []
    previous = found["previous"]
    recipe = previous["recipe"]
    epochs = recipe["hyperparameters"]["training_process"]["epochs"]
    return [
        "",
        f"Before: {previous['folds']} folds, {epochs} epochs at {recipe['image_size']} px, "
        f"{_network(recipe['architecture_config'])}.",
    ]


def _note(found: Mapping[str, Any]) -> list[str]:
    return ["", found["note"]] if "note" in found else []


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _spread(one: Mapping[str, float] | None) -> str:
    return "" if one is None else f"{one['mean']:.3f} ± {one['deviation']:.3f}"
