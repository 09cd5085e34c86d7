"""What the body of an exported network sees in a picture: one vector, of a tensor that is no output of the file.

Array legend: H, W height and width of the picture, C channels of the tensor.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truscore.inference.description import INPUT, Description, UnusableModel, description_of
from truscore.inference.graph import NoGraph, nodes_of, with_outputs
from truscore.inference.model import FAULTS, InferenceFailed, input_of, session_of

Features = NDArray[np.float32]

_NORMALISED = "LayerNormalization"
_MAKERS = frozenset({"Conv", "Add", "Relu", "Clip", "HardSwish"})
MOST_TENSORS = 4000


class Body:
    """A file of the exporter's, asked for features of its body: the tensor of most channels among what convolutions,
    sums and rectifiers make of the picture, of several the one of fewest places, of those the last; where there are
    layer normalisations (transformers, ConvNeXt) what the last makes. Of either the mean over all places.
    """

    def __init__(self, path: Path, probe_HWC: NDArray[np.uint8]) -> None:
        """`probe_HWC`: a picture that tells how large each tensor is. Raises UnusableModel and InferenceFailed."""
        content = path.read_bytes()
        try:
            nodes = nodes_of(content)
        except (NoGraph, UnicodeDecodeError) as error:
            raise UnusableModel(f"{path} cannot be read as ONNX: {error}") from error
        normalised = [node.output for node in nodes if node.operation == _NORMALISED]
        made = [node.output for node in nodes if node.operation in _MAKERS][:MOST_TENSORS]
        if not normalised and not any(node.operation == "Conv" for node in nodes):
            raise UnusableModel(f"{path} has no body of convolutions or transformer blocks to take features from")
        self._path, self._content, self._is_last = path, content, bool(normalised)
        self.tensor = normalised[-1] if normalised else self._largest(made, probe_HWC)
        self._session = session_of(path, with_outputs(content, [self.tensor]))
        self.description: Description = description_of(
            self._session.get_modelmeta().custom_metadata_map, file=str(path)
        )

    def _largest(self, names: list[str], probe_HWC: NDArray[np.uint8]) -> str:
        session = session_of(self._path, with_outputs(self._content, names))
        best: tuple[int, int, int] | None = None
        chosen = ""
        for place, (name, value) in enumerate(zip(names, _run(session, names, probe_HWC), strict=True)):
            if value.ndim != 4 or len(value) != 1:
                continue  # no map of the picture, or one of each region that was found in it
            rank = (value.shape[1], -value.shape[2] * value.shape[3], place)
            if best is None or rank > best:
                best, chosen = rank, name
        if not chosen:
            raise UnusableModel(f"{self._path} has no convolution over pictures to take features from")
        return chosen

    def __call__(self, image_HWC: NDArray[np.uint8]) -> Features:
        """The vector, [C]. Raises InferenceFailed."""
        (value,) = _run(self._session, [self.tensor], image_HWC)
        axis = value.ndim - 1 if self._is_last else 1
        others = tuple(each for each in range(value.ndim) if each != axis)
        found: Features = np.asarray(value.mean(axis=others), dtype=np.float32)
        return found


def _run(session: "object", names: list[str], image_HWC: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    try:
        found: list[NDArray[np.float32]] = session.run(names, {INPUT: input_of(image_HWC)})  # type: ignore[attr-defined]
    except FAULTS as error:
        height, width = image_HWC.shape[:2]
        raise InferenceFailed(f"the model failed on a picture of {width} x {height} pixels: {error}") from error
    return found
