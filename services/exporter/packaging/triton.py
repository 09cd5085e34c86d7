"""A model repository for the Triton Inference Server: a folder and a `config.pbtxt` for each ONNX file."""

import json
from collections.abc import Iterator

from truscore.catalog.export_formats import FORMATS

from services.exporter.release import Artifact, Release, Tensor

TYPES = {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}
MOST_NAME_CHARS = 60
RUNTIME = "onnxruntime"


def served(release: Release) -> Iterator[tuple[str, Artifact]]:
    """Names of models, as Triton and our own server call them, and their files."""
    for artifact in release.artifacts:
        if artifact.format in FORMATS and FORMATS[artifact.format].runtime == RUNTIME:
            yield f"{release.model_id.replace('.', '-')[:MOST_NAME_CHARS]}-{artifact.format}", artifact


def config_of(name: str, artifact: Artifact) -> str:
    """One picture a request: no output has a dimension for a batch, so `max_batch_size` is 0."""
    tensors = [
        f"{kind} [\n  {', '.join(_tensor(each) for each in tensors)}\n]"
        for kind, tensors in (("input", artifact.signature.inputs), ("output", artifact.signature.outputs))
    ]
    return "\n".join((f"name: {json.dumps(name)}", f'backend: "{RUNTIME}"', "max_batch_size: 0", *tensors, ""))


def _tensor(tensor: Tensor) -> str:
    # What has no dimension is given one, and has it taken away again: Triton has no tensor without.
    shape = ", ".join(length if length.isdecimal() else "-1" for length in tensor.shape)
    reshape = "" if tensor.shape else " reshape { shape: [ ] }"
    return f"{{ name: {json.dumps(tensor.name)} data_type: {TYPES[tensor.dtype]} dims: [ {shape or 1} ]{reshape} }}"
