"""An ONNX file: written, checked, labelled with where it comes from, and run."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from truscore.inference.runtime import onnxruntime

from services.exporter.child.export_target import Answers, ExportTarget, Picture, by_name
from services.exporter.release import Signature

OPSET = 17


def write(target: ExportTarget, path: Path, example_CHW: Picture) -> None:
    """Writes the graph with the names and the free dimensions of its signature."""
    signature = target.signature
    with warnings.catch_warnings(), torch.no_grad(), _attention_in_parts(), _unchecked_passes():
        # Tracing warns of every Python branch it freezes; what it froze wrongly, the parity check finds.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            target.graph if target.scripted is None else target.scripted(),
            tuple(torch.from_numpy(each) for each in by_name(example_CHW).values()),
            str(path),
            # Traced: the newer exporter refuses the shapes that detectors draw from the data, and what takes a
            # picture of any size computes with its size.
            dynamo=False,
            opset_version=OPSET,
            input_names=[tensor.name for tensor in signature.inputs],
            output_names=[tensor.name for tensor in signature.outputs],
            dynamic_axes=_free_dimensions(signature),
        )


@contextmanager
def _attention_in_parts() -> Iterator[None]:
    """Without torch's fused attention for inference, which no file format has."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _unchecked_passes() -> Iterator[None]:
    """Without the checks that torch's exporter makes of its own graph between its passes, a seventh of its time: they
    change nothing, and what is written is checked by ONNX and held to the checkpoint's answers."""
    before = torch._C._jit_pass_lint
    torch._C._jit_pass_lint = _unchecked
    try:
        yield
    finally:
        torch._C._jit_pass_lint = before


def _unchecked(Graph: Any) -> None:
    pass


def _free_dimensions(signature: Signature) -> dict[str, dict[int, str]]:
    free = {
        tensor.name: {place: length for place, length in enumerate(tensor.shape) if not length.isdecimal()}
        for tensor in signature.inputs + signature.outputs
    }
    return {name: places for name, places in free.items() if places}


def finish(path: Path, provenance: Mapping[str, str]) -> None:
    """Writes the provenance into the file's metadata and checks all of it. Raises onnx.checker.ValidationError."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {f"truscore.{name}": provenance[name] for name in sorted(provenance)})
    onnx.save(model, path)
    onnx.checker.check_model(str(path), full_check=True)


def session(path: Path, signature: Signature) -> Callable[[Picture], Answers]:
    """Runs one picture through the file, with as many threads as torch takes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    loaded = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in signature.outputs]

    def run(image_CHW: Picture) -> Answers:
        outputs: list[NDArray[np.generic]] = loaded.run(names, by_name(image_CHW))
        return dict(zip(names, outputs, strict=True))

    return run
