"""Really exported models, one of each kind that the exporter makes, untrained and small."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from PIL import Image
from truscore.catalog.table import row_of
from truscore.datasets import load_image
from truscore.inference.description import Description, description_of
from truscore.inference.pictures import load_picture
from truscore.inference.predictions import Prediction
from truscore.inference.reading import read_outputs
from truscore.recipes import recipe_to_json, resolve
from truscore.zoo import build_model, load_checkpoint_model
from truscore.zoo.preprocess import preprocess

from services.exporter.child.convert import convert, export_target_of
from services.exporter.signature import SIGNATURES, description
from services.exporter.task import Task
from tests.unit.exporter.small_networks import smallest, sometimes_certain

SIDE = 64
SIZES = ((96, 70), (60, 80))  # height, width
# By a word for what the model does: its row of the catalog and its classes.
KINDS: Mapping[str, tuple[str, str, str, tuple[str, ...]]] = MappingProxyType(
    {
        "borders": ("border_detection", "dual_class", "mask_rcnn", ("outer_border", "graphical_border")),
        "boxes": ("border_detection", "single_class", "yolo", ("outer_border",)),
        "pixels": ("corner_analysis", "damage_detection", "u_net", ("wear", "crease")),
        "grades": ("corner_analysis", "quality_classification", "resnet", ("7", "8", "9")),
        "scores": ("corner_analysis", "sharpness_rating", "custom_cnn", ("sharpness", "roundness")),
        "labels": ("surface_analysis", "damage_classification", "multi_head_cnn", ("scratch", "stain", "dent")),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """A model file, the checkpoint it was made of, and the pictures that it was proved on."""

    path: Path
    checkpoint: Path
    pictures: tuple[Path, ...]

    def eager(self, picture: Path) -> Prediction:
        """What the checkpoint says of the picture, read as an engine reads it."""
        model, recipe, class_names = load_checkpoint_model(self.checkpoint)
        task = row_of(recipe.category, recipe.option, recipe.architecture).task
        outputs = export_target_of(model, class_names, kind=task).run_eager(preprocess(load_image(picture)).numpy())
        return read_outputs(outputs, load_picture(picture), self.description).prediction

    @property
    def description(self) -> Description:
        """What its own checkpoint says, not the file."""
        _, recipe, class_names = load_checkpoint_model(self.checkpoint)
        task = row_of(recipe.category, recipe.option, recipe.architecture).task
        row = {"category": recipe.category, "option": recipe.option, "architecture": recipe.architecture}
        stated = row | description(SIGNATURES[task](class_names))
        return description_of({f"truscore.{key}": value for key, value in stated.items()}, file="checkpoint")


Export = Callable[[str], Exported]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """By the word for what it does; each is made when first asked for."""
    folder = tmp_path_factory.mktemp("exports")
    pictures = tuple(_picture(folder / f"picture-{height}.png", height, width) for height, width in SIZES)
    return lru_cache(lambda kind: _export(kind, folder / kind, pictures))


def _picture(path: Path, height: int, width: int) -> Path:
    """Noise, and a square on it: something with edges at every scale."""
    image_HWC = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    image_HWC[height // 4 : height // 2, width // 4 : width // 2] = 255
    Image.fromarray(image_HWC).save(path)
    return path


def _export(kind: str, folder: Path, pictures: tuple[Path, ...]) -> Exported:
    category, option, architecture, class_names = KINDS[kind]
    base = smallest(row_of(category, option, architecture))
    head = "phoenix_specialized" if category == "border_detection" else "standard"  # of borders the second stage
    custom = {"head_customization": head}
    overrides = {
        "image_size": SIDE,
        "architecture_config": {"base_architecture": base, "custom_modifications": custom},
    }
    recipe = resolve(category, option, architecture, overrides)
    torch.manual_seed(2)
    model = sometimes_certain(build_model(recipe, len(class_names)).eval())
    folder.mkdir()
    content = {"model": model.state_dict(), "recipe": recipe_to_json(recipe), "class_names": list(class_names)}
    torch.save(content, folder / "best.pt")
    result = convert(
        Task(
            checkpoint=str(folder / "best.pt"),
            formats=("onnx",),
            pictures=tuple(map(str, pictures)),
            benchmark_rounds=1,
            output_folder=str(folder),
            provenance={"model_id": f"{category}.{option}.{architecture}", "version": "run-1", "run_id": "run-1"},
        )
    )
    assert result.refusals == ()
    return Exported(path=folder / "model.onnx", checkpoint=folder / "best.pt", pictures=pictures)
