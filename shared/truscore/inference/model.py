"""An exported ONNX file, loaded and run on one picture after the other.

Array legend: H, W height and width of the picture, C colour (red, green, blue).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truscore.inference.description import INPUT, LINES, OUTPUTS, Description, UnusableModel, description_of
from truscore.inference.runtime import onnxruntime, runtime_errors

Outputs = Mapping[str, NDArray[np.generic]]

FAULTS = (
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NoSuchFile,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)


class InferenceFailed(RuntimeError):
    """The model cannot take this picture; the message says what the runtime reported."""


def session_of(path: Path, content: bytes | None = None) -> "onnxruntime.InferenceSession":
    """Of the file, or of `content` in its place. Raises UnusableModel."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # The arena keeps the room of the largest picture that it ever saw.
    options.enable_cpu_mem_arena = False
    # Threads that wait by spinning take the cores from everybody else on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content or str(path), options, providers=["CPUExecutionProvider"])
    except FAULTS as error:
        raise UnusableModel(f"{path} cannot be loaded as ONNX: {error}") from error


def input_of(image_HWC: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An upright RGB picture as files of the exporter take it, [C, H, W], from 0 to 1."""
    image_CHW = np.ascontiguousarray(image_HWC.transpose(2, 0, 1), dtype=np.float32)
    image_CHW /= 255
    return image_CHW


class Model:
    """A file of the exporter's. Runs on the CPU; keeps no memory between pictures beyond its weights."""

    def __init__(self, path: Path) -> None:
        """Raises UnusableModel."""
        self._session = session_of(path)
        self.description: Description = description_of(
            self._session.get_modelmeta().custom_metadata_map, file=str(path)
        )
        given = {each.name for each in self._session.get_outputs()}
        self._names = OUTPUTS[self.description.task] + (LINES if given.issuperset(LINES) else ())
        self._check(path)

    def __call__(self, image_HWC: NDArray[np.uint8]) -> Outputs:
        """Outputs by name, for an upright RGB picture. Raises InferenceFailed."""
        try:
            outputs = self._session.run(list(self._names), {INPUT: input_of(image_HWC)})
        except FAULTS as error:
            height, width = image_HWC.shape[:2]
            raise InferenceFailed(f"the model failed on a picture of {width} x {height} pixels: {error}") from error
        return dict(zip(self._names, outputs, strict=True))

    def _check(self, path: Path) -> None:
        """That the graph takes and gives what its task says."""
        inputs = [(each.name, each.type, len(each.shape)) for each in self._session.get_inputs()]
        if inputs != [(INPUT, "tensor(float)", 3)]:
            raise UnusableModel(f"{path} takes {inputs}; accepted: one float32 picture {INPUT!r} of three dimensions")
        given = [each.name for each in self._session.get_outputs()]
        if missing := [name for name in self._names if name not in given]:
            raise UnusableModel(
                f"{path} gives {', '.join(given)}; its task {self.description.task} needs {', '.join(missing)} too"
            )
