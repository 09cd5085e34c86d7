"""The task's metrics of a finished run's checkpoint and of its files, on validation and test images: one line each."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from truscore.catalog import why_not_exported
from truscore.catalog.table import row_of
from truscore.configuration.recipe import Recipe
from truscore.datasets import load_image
from truscore.recipes import hindrance_of
from truscore.zoo import load_checkpoint_model
from truscore.zoo.preprocess import preprocess

from services.exporter.child.convert import conversion_context, export_target_of, labelled_images
from services.exporter.child.evaluation import evaluate
from services.exporter.child.export_target import Picture
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.gate import failure
from services.exporter.child.making import ConversionContext
from services.exporter.inputs import spread
from services.exporter.metric_limits import held_metrics
from services.exporter.task import EvaluatedImage, Task

PROOF_PICTURES, CALIBRATION_PICTURES = 4, 8


def lines_of_run(run: Path, formats: Sequence[str], *, untried: bool) -> Iterator[Mapping[str, Any]]:
    """`run` is laid out as the trainer does: order.json, index.json, split.json, checkpoints/best.pt."""
    order = json.loads((run / "order.json").read_text(encoding="utf-8"))
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    model, recipe, class_names = load_checkpoint_model(best_checkpoint(run))
    images = Path(order["images"])
    row = row_of(recipe.category, recipe.option, recipe.architecture)
    target = export_target_of(model, class_names, kind=row.task)
    with tempfile.TemporaryDirectory() as folder:
        task = Task(
            checkpoint="",
            formats=tuple(formats),
            pictures=tuple(str(images / path) for path in spread(tuple(split["validation"]), PROOF_PICTURES)),
            benchmark_rounds=1,
            output_folder=folder,
            provenance={},
            evaluated=tuple(
                EvaluatedImage(split=part, path=path, file=str(images / path))
                for part in ("validation", "test")
                for path in split.get(part, ())
            ),
            index=str(run / order["index"]),
            training=tuple(split["train"]),
        )
        labelled = labelled_images(task, recipe, kind=row.task, class_names=class_names)
        context = conversion_context(
            target,
            [picture(Path(path)) for path in task.pictures],
            task,
            calibration=[picture(images / path) for path in spread(tuple(split["train"]), CALIBRATION_PICTURES)],
            labelled=labelled,
            purpose=row.purpose_metrics,
        )
        for part in labelled:
            yield {
                "file": "checkpoint",
                "split": part.split,
                **_figures(context, evaluate(target.run_eager, part).metrics),
            }
        for name in formats:
            if (reason := _refused(recipe, name)) and not untried:
                yield {"file": name, "refused": reason}
                continue
            yield from _lines_of(name, context, reason)


def picture(path: Path) -> Picture:
    made: Picture = preprocess(load_image(path)).numpy()
    return made


def best_checkpoint(run: Path) -> Path:
    return next(iter(sorted((run / "checkpoints").glob("best*.pt"))))


def _refused(recipe: Recipe, name: str) -> str:
    in_the_way = hindrance_of(recipe, name)
    return why_not_exported(recipe.category, recipe.option, recipe.architecture, name) or (
        in_the_way.reason if in_the_way else ""
    )


def _lines_of(name: str, context: ConversionContext, refused: str) -> Iterator[Mapping[str, Any]]:
    kind, path = FORMATS[name], context.folder / FORMATS[name].file_name
    began_s = perf_counter()
    try:
        notes = kind.make(context.source, path)
        run = kind.load(path, context.source.target.signature)
    except Exception as error:  # noqa: BLE001  the table goes on with what can be made
        yield {"file": name, "matrix": refused, "not_made": f"{type(error).__name__}: {error}"[:600]}
        return
    made_s = perf_counter() - began_s
    for part in context.gate.labelled:
        yield {"file": name, "split": part.split, **_figures(context, evaluate(run, part).metrics)}
    verdict = context.gate.verdict(run, precision=kind.precision)
    yield {
        "file": name,
        "matrix": refused,
        "gate": "passed" if verdict.passed else failure(verdict, precision=kind.precision),
        "detections": verdict.detections,
        "matched": round(verdict.matched, 4),
        "held": {f"{one.split} {one.metric}": [one.checkpoint, one.artifact] for one in verdict.metrics},
        "size_bytes": path.stat().st_size,
        "made_s": round(made_s, 1),
        "notes": dict(notes),
    }


def _figures(context: ConversionContext, metrics: Mapping[str, float]) -> dict[str, float]:
    held = context.gate.coarse_left_out(metrics)
    return {name: round(held[name], 4) for name in held_metrics(context.gate.purpose, held)}
