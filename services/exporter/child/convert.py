"""The task from checkpoint to proven artefacts: what cannot be made is named, not raised."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from truscore.catalog.table import row_of
from truscore.datasets import load_image
from truscore.zoo import load_checkpoint_model
from truscore.zoo.preprocess import preprocess

from services.exporter.child.adapters import KINDS
from services.exporter.child.export_target import ExportTarget, Picture, UnsupportedNetwork
from services.exporter.child.formats.protocol import Source
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import Workshop, make_artifact
from services.exporter.child.refused import Refused
from services.exporter.release import Artifact, Refusal
from services.exporter.signature import description
from services.exporter.task import Result, Task


@torch.no_grad()
def convert(task: Task) -> Result:
    try:
        model, recipe, class_names = load_checkpoint_model(Path(task.checkpoint))
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        return _nothing(task, "checkpoint_unreadable", f"the checkpoint cannot be loaded: {error}")
    try:
        kind = row_of(recipe.category, recipe.option, recipe.architecture).task
        target = export_target_of(model, class_names, kind=kind)
    except (Refused, KeyError) as refused:
        return _nothing(task, "unsupported_architecture", str(refused))
    pictures = [preprocess(load_image(Path(path))).numpy() for path in task.pictures]
    row = {"category": recipe.category, "option": recipe.option, "architecture": recipe.architecture}
    described = replace(task, provenance={**task.provenance, **row})
    shop = workshop(target, pictures, described)
    artifacts: list[Artifact] = []
    refusals: list[Refusal] = []
    for name in task.formats:
        try:
            artifacts.append(make_artifact(FORMATS[name], shop))
        except Refused as refused:
            refusals.append(Refusal(format=name, code=refused.code, message=refused.message))
    return Result(artifacts=tuple(artifacts), refusals=tuple(refusals))


def _nothing(task: Task, code: str, message: str) -> Result:
    return Result(
        artifacts=(), refusals=tuple(Refusal(format=name, code=code, message=message) for name in task.formats)
    )


def export_target_of(model: nn.Module, class_names: Sequence[str], *, kind: str) -> ExportTarget:
    """`kind` is a task of the catalog. Raises Refused."""
    if kind not in KINDS:
        raise Refused("unsupported_architecture", f"no export for the task {kind!r}; accepted: {', '.join(KINDS)}")
    try:
        return KINDS[kind](model, class_names)
    except UnsupportedNetwork as error:
        raise Refused("unsupported_architecture", str(error)) from error


def workshop(target: ExportTarget, pictures: Sequence[Picture], task: Task) -> Workshop:
    """`pictures` are of the validation split."""
    metadata = {**task.provenance, **description(target.signature)}
    return Workshop(
        source=Source(target=target, pictures=pictures, metadata=metadata),
        folder=Path(task.output_folder),
        benchmark_rounds=task.benchmark_rounds,
    )
