"""A model file on picture files, one at a time. Loading this module loads numpy, Pillow and onnxruntime."""

from dataclasses import dataclass
from pathlib import Path

from truscore.datasets.images.decode import UnreadableImage
from truscore.inference.description import Description
from truscore.inference.drawing import drawn, save
from truscore.inference.model import InferenceFailed, Model
from truscore.inference.pictures import MOST_PIXELS, files_of, load_picture
from truscore.inference.predictions import Prediction
from truscore.inference.reading import read_outputs

__all__ = ["Engine", "InferenceFailed", "UnreadableImage", "files_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """Pictures of more than `most_pixels` are scaled down for the model; answers are in pixels of the file."""

    model: Model
    most_pixels: int = MOST_PIXELS

    @property
    def description(self) -> Description:
        return self.model.description

    def predict(self, path: Path, *, drawing: Path | None = None) -> Prediction:
        """What the model says of the file; with `drawing` a PNG that shows it. Raises UnreadableImage,
        InferenceFailed and OSError."""
        picture = load_picture(path, most_pixels=self.most_pixels)
        read = read_outputs(self.model(picture.image_HWC), picture, self.description)
        if drawing is not None:
            save(drawn(picture, read, class_names=self.description.class_names), drawing)
        return read.prediction
