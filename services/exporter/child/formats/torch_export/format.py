"""A .pt2 file: one program for pictures of any size, saved and loaded by torch without any code of ours."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import Dim

from services.exporter.child.export_target import Answers, Picture, by_name
from services.exporter.child.formats.protocol import Format, Predict, Source, Unmakeable
from services.exporter.release import Signature

# What the free dimensions of a signature may be: sides of a picture in pixels, lights of an object, and cameras.
LEAST_SIDE, MOST_SIDE = 8, 32768
LIMITS = {"height": (LEAST_SIDE, MOST_SIDE), "width": (LEAST_SIDE, MOST_SIDE), "lights": (3, 1024), "cameras": (2, 64)}
# Of each in a file's example, which AOTInductor wants.
EXAMPLE = {"height": 64, "width": 48, "lights": 4, "cameras": 3}
METADATA = "truscore.json"


def make(source: Source, path: Path) -> Mapping[str, str]:
    graph = source.target.static_graph
    if graph is None:
        raise Unmakeable("its answers have shapes that depend on the picture's content, which torch.export refuses")
    inputs = source.target.signature.inputs
    free = {name: Dim(name, min=least, max=most) for name, (least, most) in LIMITS.items()}
    shapes = tuple({at: free[side] for at, side in enumerate(each.shape) if side in free} for each in inputs)
    given = by_name(source.pictures[0])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            graph, tuple(torch.from_numpy(given[each.name]) for each in inputs), dynamic_shapes=shapes
        )
        # The picture that it was followed with would be saved in the file: somebody's, and larger than many a network.
        program.example_inputs = (tuple(torch.zeros(_example(each.shape)) for each in inputs), {})
        texts = json.dumps(dict(source.metadata), sort_keys=True)
        torch.export.save(program, path, extra_files={METADATA: texts})
    used = {side for each in inputs for side in each.shape if side in free}
    sides = {"sides_px": f"{LEAST_SIDE} to {MOST_SIDE}"}
    return sides | {str(name): "{} to {}".format(*LIMITS[name]) for name in ("lights", "cameras") if name in used}


def _example(shape: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(EXAMPLE[side] if side in EXAMPLE else int(side) for side in shape)


def load(path: Path, signature: Signature) -> Predict:
    program = torch.export.load(path).module()
    names = [tensor.name for tensor in signature.outputs]

    def run(picture: Picture) -> Answers:
        given = by_name(picture)
        with torch.no_grad():
            outputs = program(*(torch.from_numpy(given[each.name]) for each in signature.inputs))
        arrays: list[NDArray[np.generic]] = [
            output.numpy() for output in ((outputs,) if isinstance(outputs, torch.Tensor) else outputs)
        ]
        return dict(zip(names, arrays, strict=True))

    return run


def describe() -> Mapping[str, str]:
    return {"runtime": f"torch {torch.__version__}"}


TORCH_EXPORT = Format(name="torch_export", file_name="model.pt2", make=make, load=load, describe=describe)
