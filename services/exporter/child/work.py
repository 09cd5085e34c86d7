"""The task from checkpoint to proven artefacts: what cannot be made is named, not raised."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors
from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from truscore.datasets import load_image
from truscore.zoo import load_checkpoint_model
from truscore.zoo.detection import preprocess

from services.exporter.child import benchmark, instances, onnx_file, parity
from services.exporter.release import Artifact, Parity, Refusal
from services.exporter.signature import instance_signature
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
def do(task: Task) -> Result:
    try:
        model, _, class_names = load_checkpoint_model(Path(task.checkpoint))
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        return Result(artifacts=(), refusals=tuple(_unreadable(name, error) for name in task.formats))
    pictures = [preprocess(load_image(Path(path))).numpy() for path in task.pictures]
    artifacts: list[Artifact] = []
    refusals: list[Refusal] = []
    for name in task.formats:
        try:
            artifacts.append(MAKERS[name](model, class_names, pictures, task))
        except Refused as refused:
            refusals.append(Refusal(format=name, code=refused.code, message=refused.message))
    return Result(artifacts=tuple(artifacts), refusals=tuple(refusals))


def _unreadable(name: str, error: Exception) -> Refusal:
    return Refusal(format=name, code="checkpoint_unreadable", message=f"the checkpoint cannot be loaded: {error}")


def make_onnx(
    model: nn.Module, class_names: Sequence[str], pictures: Sequence[NDArray[np.float32]], task: Task
) -> Artifact:
    if not isinstance(model, GeneralizedRCNN):
        raise Refused(
            "unsupported_architecture", f"{type(model).__name__} cannot be written as ONNX; accepted: Mask R-CNN"
        )
    path = Path(task.output_folder) / "model.onnx"
    signature = instance_signature(class_names)
    provenance = {**task.provenance, "class_names": json.dumps(list(class_names))}
    try:
        instances.write_onnx(model, path, pictures[0])
        onnx_file.finish(path, provenance)
        run = onnx_file.session(path)
        verdict = parity.judge(
            parity.compare(instances.detect_eagerly(model, each), instances.detections_from(run(each)))
            for each in pictures
        )
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
        benchmark=benchmark.measure(
            run, lambda image: instances.detect_eagerly(model, image), pictures, rounds=task.benchmark_rounds
        ),
        signature=signature,
    )


def _demand(verdict: Parity) -> None:
    if verdict.passed:
        return
    found = ", ".join(
        f"{name} differ by {worst:.3g} (accepted {verdict.tolerance[name]:.3g})"
        for name, worst in verdict.max_abs_difference.items()
    )
    raise Refused(
        "parity",
        f"the file and its checkpoint disagree on {verdict.images} validation images: {verdict.matched:.1%} of "
        f"{verdict.detections} detections matched (accepted {parity.MATCHED_AT_LEAST:.0%} and more), {found}",
    )


MAKERS: dict[str, Callable[[nn.Module, Sequence[str], Sequence[NDArray[np.float32]], Task], Artifact]] = {
    "onnx": make_onnx
}
