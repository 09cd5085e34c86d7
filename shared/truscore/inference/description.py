"""What a model file says of itself: the `truscore.…` entries of its metadata, which the exporter writes. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

PREFIX = "truscore."
INPUT = "image"
# By task, the outputs that an engine reads.
OUTPUTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "instance_segmentation": ("boxes", "labels", "scores", "masks"),
        "detection": ("boxes", "labels", "scores"),
        "semantic_segmentation": ("probabilities",),
        "ordinal_classification": ("probabilities", "grade_index"),
        "regression": ("scores",),
        "multilabel_classification": ("probabilities",),
    }
)
# Of models with a second stage for borders, beside those: where each side's line runs.
LINES = ("corners", "line_confidence", "line_deviation")
# Files of earlier exports carry no thresholds; the metrics were decided at these then, too.
_THRESHOLDS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "instance_segmentation": {"scores": 0.5, "masks": 0.5},
        "detection": {"scores": 0.5},
        "multilabel_classification": {"probabilities": 0.5},
    }
)
_BORDERS = "border_detection"


class UnusableModel(ValueError):
    """A file that cannot be used as an exported model; the message names it and says what is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """Where a model is from and how its outputs are read. Label n is `class_names[n - 1]`.

    `thresholds` are by output, from 0 to 1. Texts that the file does not give are empty.
    """

    model_id: str
    version: str
    run_id: str
    category: str
    option: str
    architecture: str
    task: str
    class_names: tuple[str, ...]
    thresholds: Mapping[str, float]

    @property
    def finds_instances(self) -> bool:
        return "boxes" in OUTPUTS[self.task]

    @property
    def finds_borders(self) -> bool:
        """Whether what is found are borders of cards: four sides, no damage."""
        return self.finds_instances and self.category == _BORDERS

    @property
    def measures_centring(self) -> bool:
        """Whether the card's edge (label 1) and the printed border (label 2) are both found."""
        return self.finds_borders and len(self.class_names) == 2

    def name_of(self, label: int) -> str:
        return self.class_names[label - 1] if 0 < label <= len(self.class_names) else f"label {label}"


def description_of(metadata: Mapping[str, str], *, file: str) -> Description:
    """From a file's metadata. Raises UnusableModel."""
    given = {key.removeprefix(PREFIX): value for key, value in metadata.items() if key.startswith(PREFIX)}
    task = given.get("task", "")
    if task not in OUTPUTS:
        raise UnusableModel(
            f"{file}: its metadata names the task {task!r} ({PREFIX}task); accepted: {', '.join(OUTPUTS)}, as files "
            "have it that the exporter made"
        )
    model_id = given.get("model_id", "")
    # Earlier exports say category and option in the model's name only.
    named = dict(zip(("category", "option", "architecture"), model_id.split("."), strict=False))
    return Description(
        model_id=model_id,
        version=given.get("version", ""),
        run_id=given.get("run_id", ""),
        **{key: given.get(key, named.get(key, "")) for key in ("category", "option", "architecture")},
        task=task,
        class_names=_class_names(given, file),
        thresholds={**_THRESHOLDS.get(task, {}), **_thresholds(given, file)},
    )


def _class_names(given: Mapping[str, str], file: str) -> tuple[str, ...]:
    names = _json(given, "class_names", file)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UnusableModel(f"{file}: its {PREFIX}class_names is {names!r}; accepted: a JSON list of names")
    return tuple(names)


def _thresholds(given: Mapping[str, str], file: str) -> dict[str, float]:
    values = _json(given, "thresholds", file) if "thresholds" in given else {}
    if not isinstance(values, dict) or not all(isinstance(value, int | float) for value in values.values()):
        raise UnusableModel(f"{file}: its {PREFIX}thresholds is {values!r}; accepted: a JSON object of numbers")
    return {str(name): float(value) for name, value in values.items()}


def _json(given: Mapping[str, str], key: str, file: str) -> Any:
    try:
        return json.loads(given.get(key, ""))
    except ValueError as error:
        raise UnusableModel(f"{file}: its metadata has no readable {PREFIX}{key}: {error}") from error
