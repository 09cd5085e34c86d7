"""An ONNX file: checked, labelled with where it comes from, and run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray


def finish(path: Path, provenance: Mapping[str, str]) -> None:
    """Writes the provenance into the file's metadata and checks all of it. Raises onnx.checker.ValidationError."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {f"truscore.{name}": provenance[name] for name in sorted(provenance)})
    onnx.save(model, path)
    onnx.checker.check_model(str(path), full_check=True)


def session(path: Path) -> Callable[[NDArray[np.float32]], Sequence[NDArray[np.generic]]]:
    """Runs one picture through the file, with as many threads as torch takes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    loaded = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(image_CHW: NDArray[np.float32]) -> Sequence[NDArray[np.generic]]:
        outputs: Sequence[NDArray[np.generic]] = loaded.run(None, {"image": image_CHW})
        return outputs

    return run
