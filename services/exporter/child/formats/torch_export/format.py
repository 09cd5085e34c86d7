"""A .pt2 file: one program for pictures of any size, saved and loaded by torch without any code of ours."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import Dim

from services.exporter.child.export_target import Answers, Picture
from services.exporter.child.formats.protocol import Format, Predict, Source, Unmakeable
from services.exporter.release import Signature

# Sides of a picture that the program takes, in pixels.
LEAST_SIDE, MOST_SIDE = 8, 32768
METADATA = "truscore.json"


def make(source: Source, path: Path) -> Mapping[str, str]:
    graph = source.target.static_graph
    if graph is None:
        raise Unmakeable("its answers have shapes that depend on the picture's content, which torch.export refuses")
    sides = {1: Dim("height", min=LEAST_SIDE, max=MOST_SIDE), 2: Dim("width", min=LEAST_SIDE, max=MOST_SIDE)}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(graph, (torch.from_numpy(source.pictures[0]),), dynamic_shapes=(sides,))
        texts = json.dumps(dict(source.metadata), sort_keys=True)
        torch.export.save(program, path, extra_files={METADATA: texts})
    return {"sides_px": f"{LEAST_SIDE} to {MOST_SIDE}"}


def load(path: Path, signature: Signature) -> Predict:
    program = torch.export.load(path).module()
    names = [tensor.name for tensor in signature.outputs]

    def run(image_CHW: Picture) -> Answers:
        with torch.no_grad():
            outputs = program(torch.from_numpy(image_CHW))
        arrays: list[NDArray[np.generic]] = [output.numpy() for output in outputs]
        return dict(zip(names, arrays, strict=True))

    return run


def describe() -> Mapping[str, str]:
    return {"runtime": f"torch {torch.__version__}"}


TORCH_EXPORT = Format(name="torch_export", file_name="model.pt2", make=make, load=load, describe=describe)
