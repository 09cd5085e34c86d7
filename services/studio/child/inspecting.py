"""A draft in numbers, and how a run would divide it: by the very code of the trainer. Runs in the child."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from truscore.datasets.index.json_codec import index_from_json
from truscore.datasets.index.records import DatasetIndex
from truscore.datasets.splitting.split import InvalidSplit, indivisible_groups, sorted_by_path
from truscore.datasets.splitting.split_summary import part_of
from truscore.datasets.statistics import statistics_of
from truscore.recipes import InvalidConfig, resolve

from services.studio.child.dividing import most_even, parts_by_seed

MOST_GROUPS = 60
MOST_OF_A_GROUP = 12
MOST_SIZES = 12
HEAT_CELLS = 24  # to a side
SIDE_BINS = 10  # of objects' sides, as shares of their image's


def inspect(job: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Of the index in the job's folder. `fault` where it can't be divided as asked."""
    index = index_from_json((folder / "index.json").read_text())
    asked = asked_of(job)
    found = {
        "fault": "",
        "statistics": asdict(statistics_of(index)),
        "object_sides": _object_sides(index),
        "image_sizes": _image_sizes(index),
        "heat": heat_of(index),
        "groups": _groups(index),
        "policy": _policy(job, index),
        "class_names": index.class_names,
        "parts": {},
        **asked,
    }
    try:
        named = parts_by_seed(index, asked["seed"], fractions_of(asked))
        if seeds := job.get("even"):
            found["even"] = most_even(index, seed=asked["seed"], fractions=fractions_of(asked), seeds=seeds)
    except InvalidSplit as error:
        return {**found, "fault": str(error)}
    return {**found, "parts": {name: asdict(part_of(index, paths)) for name, paths in named.items()}}


def asked_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """Seed and shares that were asked for; where none were, those of the option's recipe."""
    try:
        recipe = resolve(job["category"], job["option"])
        usual = {
            "seed": recipe.seed, "validation": recipe.split.validation_fraction, "test": recipe.split.test_fraction,
            "image_size": recipe.image_size,
        }  # fmt: skip
    except InvalidConfig:
        usual = {"seed": 0, "validation": 0.15, "test": 0.15, "image_size": 320}
    return {key: value if job.get(key) is None else job[key] for key, value in usual.items()}


def fractions_of(asked: Mapping[str, Any]) -> tuple[float, float, float]:
    """Of training, validation and test: the first as the trainer computes it, to the last bit."""
    validation, test = asked["validation"], asked["test"]
    return 1 - (validation + test), validation, test


def _object_sides(index: DatasetIndex) -> list[int]:
    """Objects by their side, that of the square as large as they: up to a tenth of their image's, up to two, …"""
    bins = [0] * SIDE_BINS
    for image in index.images:
        for mark in image.annotations:
            _, _, width, height = mark.box_xywh
            side = min(1.0, max(0.0, width * height) / max(image.width * image.height, 1)) ** 0.5
            bins[min(int(side * SIDE_BINS), SIDE_BINS - 1)] += 1
    return bins if sum(bins) else []


def heat_of(index: DatasetIndex) -> list[list[list[int]]]:
    """Of each class, how many objects have their middle in each cell of the image: HEAT_CELLS rows from the top, and as
    many columns."""
    cells = [[[0] * HEAT_CELLS for _ in range(HEAT_CELLS)] for _ in index.class_names]
    for image in index.images:
        for mark in image.annotations:
            x, y, width, height = mark.box_xywh
            column = int(HEAT_CELLS * (x + width / 2) / max(image.width, 1))
            row = int(HEAT_CELLS * (y + height / 2) / max(image.height, 1))
            cells[mark.label - 1][min(max(row, 0), HEAT_CELLS - 1)][min(max(column, 0), HEAT_CELLS - 1)] += 1
    return cells


def _image_sizes(index: DatasetIndex) -> list[tuple[str, int]]:
    """The commonest first; the rest together."""
    counted = Counter(f"{image.width} × {image.height}" for image in index.images).most_common()
    rest = sum(count for _, count in counted[MOST_SIZES:])
    return counted[:MOST_SIZES] + ([("others", rest)] if rest else [])


def _groups(index: DatasetIndex) -> list[list[str]]:
    """Images that no split parts: the same, look-alike or declared to belong together; the largest group first."""
    images = sorted_by_path(index)
    groups = sorted((group for group in indivisible_groups(images) if len(group) > 1), key=lambda each: -len(each))
    return [[images[place].path for place in group[:MOST_OF_A_GROUP]] for group in groups[:MOST_GROUPS]]


def _policy(job: Mapping[str, Any], index: DatasetIndex) -> list[tuple[str, str, str]]:
    """What training changes images by: each change, how far, and why; nothing where the option has no policy."""
    from truscore.augmentation import UnknownOption, policy_for
    from truscore.augmentation.policy import in_words

    try:
        policy = policy_for(job["category"], job["option"], index.class_names)
    except UnknownOption:
        return []
    return [(knob, words, policy.why[knob]) for knob, words in in_words(policy).items()]
