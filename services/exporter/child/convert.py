"""The task from checkpoint to proven artefacts: what cannot be made is named, not raised."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from torch import nn
from truscore.catalog.table import row_of
from truscore.datasets import load_image
from truscore.inference.runtime import runtime_errors
from truscore.zoo import load_checkpoint_model
from truscore.zoo.preprocess import preprocess

from services.exporter.child import benchmark, onnx_file, parity
from services.exporter.child.adapters import KINDS
from services.exporter.child.export_target import ExportTarget, Picture, UnsupportedNetwork
from services.exporter.release import Artifact, Parity, Refusal
from services.exporter.signature import description
from services.exporter.task import Result, Task

# What torch, ONNX and its runtime raise at a network they cannot express; memory running out is not among them.
UNCONVERTIBLE = (RuntimeError, ValueError, TypeError, NotImplementedError, onnx.checker.ValidationError)
UNRUNNABLE = (
    runtime_errors.Fail,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidArgument,
    runtime_errors.NotImplemented,
)


class Refused(Exception):
    """This artefact cannot be made: `code` and `message` of the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


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
    artifacts: list[Artifact] = []
    refusals: list[Refusal] = []
    for name in task.formats:
        try:
            artifacts.append(MAKERS[name](target, pictures, described))
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


def make_onnx(target: ExportTarget, pictures: Sequence[Picture], task: Task) -> Artifact:
    path = Path(task.output_folder) / "model.onnx"
    try:
        onnx_file.write(target, path, pictures[0])
        onnx_file.finish(path, {**task.provenance, **description(target.signature)})
        run = onnx_file.session(path, target.signature)
        verdict = target.check_parity((target.run_eager(each), run(each)) for each in pictures)
    except (*UNCONVERTIBLE, *UNRUNNABLE) as error:
        raise Refused(
            "conversion", f"the network cannot be written as ONNX: {type(error).__name__}: {error}"
        ) from error
    _demand(verdict)
    return Artifact(
        format="onnx",
        file_name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        parity=verdict,
        benchmark=benchmark.measure(run, target.run_eager, pictures, rounds=task.benchmark_rounds),
        signature=target.signature,
    )


def _demand(verdict: Parity) -> None:
    if verdict.passed:
        return
    found = ", ".join(
        f"{name} differ by {worst:.3g} (accepted {verdict.tolerance[name]:.3g})"
        for name, worst in verdict.max_abs_difference.items()
    )
    matched = (
        f"{verdict.matched:.1%} of {verdict.detections} detections matched (accepted {parity.MATCHED_AT_LEAST:.0%} and "
        "more), "
    )
    raise Refused(
        "parity",
        f"the file and its checkpoint disagree on {verdict.images} validation images: "
        f"{matched if verdict.detections else ''}{found}",
    )


MAKERS: dict[str, Callable[[ExportTarget, Sequence[Picture], Task], Artifact]] = {"onnx": make_onnx}
