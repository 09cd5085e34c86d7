"""Which images a task can learn from: those that are labelled with what it learns. Pure."""

from collections.abc import Sequence

from truscore.datasets import ImageRecord

NAMED = 3


def is_labelled(record: ImageRecord, task: str) -> bool:
    """Whether the record says what the task learns of an image as a whole; tasks that learn from marks on an image
    take every image, for nothing marked is an answer, too."""
    match task:
        case "ordinal_classification":
            return record.labels is not None and len(record.labels) == 1
        case "multilabel_classification":
            return record.labels is not None
        case "regression":
            return bool(record.scores)
    return True


def left_out_note(paths: Sequence[str], task: str) -> str:
    """How many images are left out, some of them by name; empty where none is."""
    if not paths:
        return ""
    lacking = {"ordinal_classification": "one grade", "regression": "a score"}.get(task, "a word on its labels")
    named = ", ".join(paths[:NAMED]) + (", …" if len(paths) > NAMED else "")
    return f"{len(paths)} images without {lacking} are left out: {named}"
