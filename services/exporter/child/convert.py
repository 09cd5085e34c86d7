"""The task from checkpoint to proven artefacts: what cannot be made is named, not raised."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn
from truscore.catalog import export_formats, network_of
from truscore.catalog.networks.configs import UncalibratedSetNetworkConfig
from truscore.catalog.table import row_of
from truscore.configuration.recipe import Recipe
from truscore.datasets import index_from_json, load_image
from truscore.datasets.index.targets import MULTI_VIEW
from truscore.recipes import hindrance_of
from truscore.zoo import load_checkpoint_model
from truscore.zoo.preprocess import preprocess

from services.exporter.child import evaluation
from services.exporter.child.adapters import ADAPTERS
from services.exporter.child.early_engine import EarlyEngine
from services.exporter.child.engine_pictures import write_proof
from services.exporter.child.export_target import ExportTarget, Picture, UnsupportedNetwork
from services.exporter.child.formats.protocol import Source
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.gate import Gate
from services.exporter.child.lined_borders import LinedBorders
from services.exporter.child.lit_examples import load_examples, load_scenes
from services.exporter.child.making import ConversionContext, make_artifact
from services.exporter.child.pictures import Pictures
from services.exporter.child.refused import ExportRefused
from services.exporter.release import Artifact, Refusal
from services.exporter.signature import description
from services.exporter.task import Result, Task

MOST_MESSAGE = 4000  # characters: exporters of torch and onnxruntime tell a whole graph


@torch.no_grad()
def convert(task: Task) -> Result:
    if task.threads:
        torch.set_num_threads(task.threads)
    try:
        model, recipe, class_names = load_checkpoint_model(Path(task.checkpoint))
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        return _nothing(task, "checkpoint_unreadable", f"the checkpoint cannot be loaded: {error}")
    if foreign := why_foreign(task, recipe):
        return _nothing(task, "checkpoint_foreign", foreign)
    try:
        kind = row_of(recipe.category, recipe.option, recipe.architecture).task
        target = export_target_of(model, class_names, kind=kind)
    except (ExportRefused, KeyError) as refused:
        return _nothing(task, "unsupported_architecture", str(refused))
    row = {"category": recipe.category, "option": recipe.option, "architecture": recipe.architecture}
    try:
        pictures, labelled = _proof(task, recipe, kind=kind, class_names=class_names)
    except (OSError, ValueError) as error:
        return _nothing(task, "dataset_unreadable", f"the labels cannot be read: {error}")
    described = replace(task, provenance={**task.provenance, **row})
    calibration = [preprocess(load_image(Path(path))).numpy() for path in task.calibration]
    purpose = row_of(recipe.category, recipe.option, recipe.architecture).purpose_metrics
    context = conversion_context(
        target, pictures, described, calibration=calibration, labelled=labelled, purpose=purpose
    )
    given = pictures if task.lit else task.pictures
    engine = EarlyEngine(Path(task.output_folder), given) if len(task.formats) == 1 else None
    context = replace(context, engine=engine)
    if engine is not None and torch.get_num_threads() > 1:
        # A child that has cores for it, and one file alone: formats that are made at once share the cores already.
        _begin_beside(engine, context, task.formats[0], pictures)
    artifacts: list[Artifact] = []
    refusals: list[Refusal] = []
    for name in task.formats:
        try:
            refuse_hindered(recipe, name)
            artifacts.append(make_artifact(FORMATS[name], context))
        except ExportRefused as refused:
            refusals.append(Refusal(format=name, code=refused.code, message=refused.message, report=refused.report))
        except (MemoryError, OSError):
            raise  # no property of the model: another try may succeed
        except Exception as error:  # noqa: BLE001  one format must not hold the others
            message = f"the network cannot be written as {name}: {type(error).__name__}: {error}"
            refusals.append(Refusal(format=name, code="conversion", message=message[:MOST_MESSAGE]))
    context.gate.end()
    if engine is not None:
        engine.wait()
    else:
        write_proof(Path(task.output_folder), {each.format: each.file_name for each in artifacts}, given)
    return Result(artifacts=tuple(artifacts), refusals=tuple(refusals))


def _begin_beside(engine: EarlyEngine, context: ConversionContext, format: str, pictures: Sequence[Picture]) -> None:
    """What need not wait for the file."""
    engine.prepare(format, FORMATS[format].file_name)
    context.gate.begin()
    # After the fork: what a thread holds while a process is forked, the fork waits for without end.
    if isinstance(pictures, Pictures):
        pictures.begin()


def _proof(
    task: Task, recipe: Recipe, *, kind: str, class_names: Sequence[str]
) -> tuple[Sequence[Picture], tuple[evaluation.Labelled, ...]]:
    """What outputs are compared on, and what metrics are measured on."""
    if task.lit is None:
        return Pictures(task.pictures), labelled_images(task, recipe, kind=kind, class_names=class_names)
    index, folder = index_from_json(Path(task.index).read_bytes()), Path(task.lit.folder)
    learns_from = row_of(recipe.category, recipe.option, recipe.architecture).learns_from
    network = network_of(recipe.architecture_config.base_architecture)
    of_one_camera = partial(
        load_examples, kind=kind, measured=not isinstance(network.config, UncalibratedSetNetworkConfig)
    )
    load = partial(load_scenes if learns_from == MULTI_VIEW else of_one_camera, folder, index)
    labelled = tuple(
        evaluation.Labelled(
            split=split,
            task=kind,
            records=(),
            files=(),
            class_names=tuple(class_names),
            objects=load([name for part, name in task.lit.evaluated if part == split]),
        )
        for split in dict.fromkeys(split for split, _ in task.lit.evaluated)
    )
    return [example.fed for example in load(task.lit.shown)], labelled


def _nothing(task: Task, code: str, message: str) -> Result:
    return Result(
        artifacts=(), refusals=tuple(Refusal(format=name, code=code, message=message) for name in task.formats)
    )


def why_foreign(task: Task, recipe: Recipe) -> str:
    """Why the checkpoint is not of the run that was ordered; empty where it is, as far as anybody says."""
    row = (recipe.category, recipe.option, recipe.architecture)
    if task.row and row != task.row:
        return f"the checkpoint is of {'.'.join(row)}; the run trained {'.'.join(task.row)}"
    return ""


def refuse_hindered(recipe: Recipe, format: str) -> None:
    """Raises ExportRefused where a choice of the checkpoint's recipe is in the way of a file of this format: an order
    of a finished run does not say its recipe, so that nobody could refuse it before."""

    if hindered := hindrance_of(recipe, format):
        made = export_formats(recipe.category, recipe.option, recipe.architecture)
        accepted = ", ".join(name for name in made if not hindrance_of(recipe, name))
        message = (
            f"export format {format!r} cannot be made with {hindered.choice} ({hindered.reason}); "
            f"accepted: {accepted}, or a run of {hindered.instead}"
        )
        raise ExportRefused("unsupported_format", message)


def export_target_of(model: nn.Module, class_names: Sequence[str], *, kind: str) -> ExportTarget:
    """`kind` is a task of the catalog. Raises ExportRefused."""
    if kind not in ADAPTERS:
        raise ExportRefused(
            "unsupported_architecture", f"no export for the task {kind!r}; accepted: {', '.join(ADAPTERS)}"
        )
    try:
        return ADAPTERS[kind](model, class_names)
    except UnsupportedNetwork as error:
        raise ExportRefused("unsupported_architecture", str(error)) from error


def labelled_images(
    task: Task, recipe: Recipe, *, kind: str, class_names: Sequence[str]
) -> tuple[evaluation.Labelled, ...]:
    """The splits that metrics are measured on; none without an index."""
    if not task.index:
        return ()
    index = index_from_json(Path(task.index).read_bytes())
    known = {record.path: record for record in index.images}
    found = []
    for split in dict.fromkeys(image.split for image in task.evaluated):
        images = [(known[image.path], Path(image.file)) for image in task.evaluated if image.split == split]
        if usable := evaluation.usable(kind, images):
            records, files = zip(*usable, strict=True)
            found.append(
                evaluation.Labelled(
                    split=split,
                    task=kind,
                    records=records,
                    files=files,
                    class_names=tuple(class_names),
                    grades=index.grades,
                    image_size=recipe.image_size,
                    at_native_size=recipe.sampling == "windows",
                    of_borders=recipe.category == "border_detection",
                    training=tuple(known[path] for path in task.training),
                )
            )
    return tuple(found)


def conversion_context(
    target: ExportTarget,
    pictures: Sequence[Picture],
    task: Task,
    *,
    calibration: Sequence[Picture] = (),
    labelled: Sequence[evaluation.Labelled] = (),
    purpose: Sequence[str] = (),
) -> ConversionContext:
    """`pictures` are of the validation split, `calibration` of the training split."""
    metadata = {**task.provenance, **description(target.signature)}
    return ConversionContext(
        source=Source(target=target, pictures=pictures, metadata=metadata, calibration=calibration),
        folder=Path(task.output_folder),
        benchmark_rounds=task.benchmark_rounds,
        gate=Gate(
            target=target, pictures=pictures, labelled=labelled, purpose=purpose, lined=_lined(target, task, labelled)
        ),
    )


def _lined(target: ExportTarget, task: Task, labelled: Sequence[evaluation.Labelled]) -> LinedBorders | None:
    """Where sides of borders are in the pictures, for a model that answers with them; None where a label is missing."""
    if not {"corners", "line_confidence"} <= {output.name for output in target.signature.outputs}:
        return None
    for part in labelled:
        known = dict(zip(map(str, part.files), part.records, strict=True))
        if part.of_borders and task.pictures and known.keys() >= set(task.pictures):
            records = tuple(known[path] for path in task.pictures)
            return LinedBorders(records=records, class_names=part.class_names, training=part.training)
    return None
