"""The Label Studio reader: JSON and JSON-MIN, a list of tasks, each with the annotations of those who did it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from truscore.datasets.formats.described_images import DescribedImage, read_described
from truscore.datasets.formats.json_values import (
    LEFT_OUT,
    SNIFFED_FILES,
    STRUCTURE,
    Entry,
    entries,
    json_files,
    load_json,
    looks_like_image,
)
from truscore.datasets.formats.label_studio.regions import labels_of, marks_of, report_relations
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult

NAME = "label_studio"
_DONE = ("annotations", "completions")  # the second until release 1.0
# What a JSON-MIN entry says beside the image and what is marked on it.
_OF_THE_TASK = frozenset(
    {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "completed_by"}
)


def recognise_label_studio(context: ReaderContext) -> bool:
    """Whether one of the smallest JSON files has tasks of Label Studio."""
    return any(
        any(isinstance(task, dict) and _is_task(task) for task in _tasks(load_json(context, path)))
        for path in _paths(context)[:SNIFFED_FILES]
    )


def read_label_studio(context: ReaderContext) -> ReadResult:
    """Read all exports of the folder: of several annotations of a task one is read, and that is reported."""
    images = [
        image
        for path in sorted(_paths(context))
        for at, task in enumerate(entries(context, _tasks(load_json(context, path)), "the list of tasks", path))
        if (image := _image(context, task, path, at)) is not None
    ]
    return read_described(context, images, format=NAME)


def _paths(context: ReaderContext) -> list[str]:
    return list(dict.fromkeys((*json_files(context, '"data"'), *json_files(context, '"annotation_id"'))))


def _tasks(content: Any) -> list[Any]:
    """A list of tasks, one task, or one annotation with its task, as the storage of a project has them."""
    if isinstance(content, dict) and isinstance(content.get("task"), dict) and isinstance(content.get("result"), list):
        return [{**content["task"], "annotations": [content]}]
    if content is None:
        return []
    return content if isinstance(content, list) else [content]


def _is_task(task: Entry) -> bool:
    return _is_whole_task(task) or _is_short_task(task)


def _is_whole_task(task: Entry) -> bool:
    return isinstance(task.get("data"), dict) and any(isinstance(task.get(key), list) for key in _DONE)


def _is_short_task(task: Entry) -> bool:
    return "annotation_id" in task and any(map(looks_like_image, task.values()))


def _image(context: ReaderContext, task: Entry, path: str, at: int) -> DescribedImage | None:
    where = f"{path}#{task.get('id', at)}"
    if _is_short_task(task) and not _is_whole_task(task):
        return _short(context, task, path, where)
    if not _is_whole_task(task):
        context.log.add(STRUCTURE, "a task without `data` and `annotations`", where)
        return None
    results = report_relations(context, _results(context, task, where), where)
    name = _image_name(task, results)
    if not name:
        context.log.add(STRUCTURE, "a task without an image among its `data`", where)
        return None
    done = any(task.get(key) for key in _DONE)
    labels = labels_of(context, results, where)
    return DescribedImage(
        file=path,
        name=name,
        image_id=bounded_text(str(task.get("id", at))),
        marks=marks_of(context, results, where),
        labels=() if labels is None and done and not results else labels,
    )


def _results(context: ReaderContext, task: Entry, where: str) -> list[Entry]:
    """Those of the annotation that is the ground truth, else of the first that was not cancelled."""
    done = [entry for key in _DONE for entry in entries(context, task.get(key), key, where)]
    usable = [entry for entry in done if not entry.get("was_cancelled") and not entry.get("skipped")]
    if len(usable) > 1:
        chosen = next((entry for entry in usable if entry.get("ground_truth")), usable[0])
        which = "the ground truth" if chosen.get("ground_truth") else "the first"
        by = ", ".join(dict.fromkeys(_annotator(entry) for entry in usable))
        text = f"annotated {len(usable)} times, by {by:.80}; {which}, by {_annotator(chosen):.40}, was read"
        context.log.add("label.several_annotators", text, where)
        usable = [chosen]
    if not usable and task.get("predictions"):
        context.log.add(LEFT_OUT, "there are predictions and no annotations; predictions are not read", where)
    if not usable:
        return []
    if not isinstance(usable[0].get("result"), list):
        context.log.add(
            STRUCTURE, f"an annotation has `result` {usable[0].get('result')!r:.60}, expected a list", where
        )
        return []
    return entries(context, usable[0]["result"], "result", where)


def _annotator(entry: Entry) -> str:
    by = entry.get("completed_by", entry.get("created_username", "?"))
    return str(by.get("email") or by.get("id")) if isinstance(by, dict) else str(by)


def _image_name(task: Entry, results: list[Entry]) -> str:
    data: Entry = task["data"]
    found = {key: value for key, value in data.items() if looks_like_image(value)}
    named = [found[key] for result in results if isinstance(key := result.get("to_name"), str) and key in found]
    upload = task.get("file_upload")
    candidates = (*named, *found.values(), *([upload] if looks_like_image(upload) else ()))
    return str(candidates[0]) if candidates else ""


def _short(context: ReaderContext, task: Entry, path: str, where: str) -> DescribedImage:
    """JSON-MIN: each control of the labelling form is a key, with its values or its regions."""
    results = list(_of_controls(context, task, where))
    name = next(value for value in task.values() if looks_like_image(value))
    return DescribedImage(
        file=path,
        name=name,
        image_id=bounded_text(str(task.get("id", ""))),
        marks=marks_of(context, results, where),
        labels=labels_of(context, results, where),
    )


def _of_controls(context: ReaderContext, task: Entry, where: str) -> Iterator[Entry]:
    for key, value in task.items():
        if key in _OF_THE_TASK or looks_like_image(value):
            continue
        if isinstance(value, str) or (isinstance(value, dict) and "choices" in value):
            yield {"value": {"choices": value if isinstance(value, str) else value["choices"]}}
        for region in entries(context, value, key, where) if isinstance(value, list) else ():
            yield {**region, "id": None, "type": key, "value": region}
