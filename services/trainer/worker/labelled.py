"""Which images a task can learn from: those that are labelled with what it learns. Pure."""

from collections.abc import Sequence

from truscore.catalog.tasks import learns_from
from truscore.datasets import ImageRecord
from truscore.datasets.index.records import LitObject
from truscore.datasets.index.targets import TARGETS, has_target, is_usable

NAMED = 3


def is_labelled(record: ImageRecord, task: str, *, objects: Sequence[LitObject] = ()) -> bool:
    """Whether the record says what the task learns of an image as a whole; tasks that learn from marks on an image
    take every image, for nothing marked is an answer, too."""
    return is_usable(record, learns_from(task), objects=objects)


def lacks_targets(records: Sequence[ImageRecord], task: str, *, objects: Sequence[LitObject] = ()) -> str:
    """Why nothing can be learnt from these images; empty where something can."""
    target = learns_from(task)
    if any(has_target(record, target, objects=objects) for record in records):
        return ""
    return f"none of its {len(records)} images has {TARGETS[target]}, which {task} learns from"


def left_out_note(paths: Sequence[str], task: str) -> str:
    """How many images are left out, some of them by name; empty where none is."""
    if not paths:
        return ""
    lacking = {
        "ordinal_classification": "one grade",
        "regression": "a score",
        "normal_estimation": "known normals",
        "depth_estimation": "a known depth",
        "reflectance_estimation": "known normals, albedo, roughness and F0",
    }.get(task, "a word on its labels")
    named = ", ".join(paths[:NAMED]) + (", …" if len(paths) > NAMED else "")
    return f"{len(paths)} images without {lacking} are left out: {named}"
