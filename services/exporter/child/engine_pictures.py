"""What the engine that proves a file is given: the pictures, and what the file answered to each when it was made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from truscore.catalog.export_formats import FORMATS
from truscore.datasets import load_image

from services.exporter.child.benchmark import Stopwatch
from services.exporter.child.export_target import Answers, Picture, by_name
from services.exporter.child.formats.protocol import Predict
from services.exporter.engine import answers
from services.exporter.engine.files import PROOF, answers_file

RUNTIME = "onnxruntime"
PLAIN_MODES = ("RGB", "L")  # what any decoder decodes to the same pixels


class Recorder:
    """Runs a file, and keeps what it answers to the proof's pictures, and how long it took."""

    def __init__(self, run: Predict, pictures: Sequence[Picture]) -> None:
        self.run = Stopwatch(run)
        self._pictures = pictures
        self.kept: list[answers.Kept] = []

    def __call__(self, picture_CHW: Picture) -> Answers:
        if len(self.kept) == len(self._pictures) or picture_CHW is not self._pictures[len(self.kept)]:
            outputs: Answers = self.run.run(picture_CHW)
            return outputs
        outputs = self.run(picture_CHW)
        self.kept.append(answers.kept(outputs))
        return outputs

    def write(self, folder: Path, format: str) -> None:
        answers.write(folder / answers_file(format), self.kept)


def write_proof(folder: Path, files: Mapping[str, str], pictures: Sequence[str | Picture]) -> None:
    """`files` by format; only those that an engine without torch can run are proved by one. `pictures` are files of
    pictures, or what models of views are fed with."""
    files = {format: name for format, name in files.items() if FORMATS[format].runtime == RUNTIME}
    given = [str(_given(each, folder / f"proof-{number}")) for number, each in enumerate(pictures)]
    proof = {"files": files, "pictures": given, "threads": torch.get_num_threads()}
    (folder / PROOF).write_text(json.dumps(proof), encoding="utf-8")


def _given(picture: str | Picture, stem: Path) -> Path:
    if isinstance(picture, str):
        return _plain(Path(picture), stem.with_suffix(".ppm"))
    np.savez(stem.with_suffix(".npz"), **by_name(picture))  # type: ignore[arg-type]
    return stem.with_suffix(".npz")


def _plain(path: Path, copy: Path) -> Path:
    """The picture itself; a copy of one whose decoding is a choice: of sixteen bits, or with transparency."""
    with Image.open(path) as picture:
        if picture.mode in PLAIN_MODES and "transparency" not in picture.info:
            return path
    Image.fromarray(load_image(path)).save(copy)
    return copy
