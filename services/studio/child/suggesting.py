"""`python -m services.studio.child.suggesting MEMORY_BYTES`: runs an exported model on an image, a line of JSON each.

The last model stays loaded, for the next image is mostly asked of the same. It ends when its standard input does.
"""

from __future__ import annotations

import faulthandler
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.studio.child.__main__ import load_libraries
from services.studio.child.bounds import hold_to

if TYPE_CHECKING:
    from truscore.inference.description import Description
    from truscore.inference.model import Model


class Unfit(ValueError):
    """The model is none for this dataset; in words."""


class Suggesting:
    """Keeps one model."""

    def __init__(self) -> None:
        self._path = ""
        self._model: Model | None = None

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Proposals, or a fault in words."""
        from truscore.datasets.images.decode import UnreadableImage
        from truscore.inference import UnusableModel
        from truscore.inference.model import InferenceFailed

        try:
            return self._proposals(job)
        except (Unfit, UnusableModel, UnreadableImage, InferenceFailed, OSError) as error:
            return {"fault": str(error)}

    def _proposals(self, job: Mapping[str, Any]) -> dict[str, Any]:
        from truscore.inference.pictures import load_picture
        from truscore.inference.reading import read_outputs

        from services.studio.child.proposals import proposals_of

        model = self._loaded(job["model"])
        refuse_unfit(model.description, job)
        picture = load_picture(Path(job["image"]))
        outputs = model(picture.image_HWC)
        read = read_outputs(outputs, picture, model.description)
        proposals = proposals_of(outputs, read, picture, model.description, job["class_names"])
        return {"fault": "", **asdict(proposals)}

    def _loaded(self, path: str) -> Model:
        from truscore.inference.model import Model

        if self._model is None or path != self._path:
            self._model = None  # two at once may be more than there is room for
            self._model, self._path = Model(Path(path)), path
        return self._model


def refuse_unfit(description: Description, job: Mapping[str, Any]) -> None:
    """Raises Unfit where the model is for another option, or shares no class with the dataset."""
    given, wanted = (description.category, description.option), (job["category"], job["option"])
    if given != wanted:
        raise Unfit(f"the model is for {' · '.join(given)}; accepted for this dataset: {' · '.join(wanted)}")
    if not set(description.class_names) & set(job["class_names"]):
        raise Unfit(
            f"the model knows the classes {_shown(description.class_names)}, and the dataset has none of them but "
            f"{_shown(job['class_names'])}"
        )


def _shown(names: Any) -> str:
    return ", ".join(f"{name:.60}" for name in names[:8]) + (", …" if len(names) > 8 else "")


def main(arguments: list[str]) -> int:
    faulthandler.enable()
    load_libraries()
    import truscore.inference.model  # noqa: F401  onnxruntime, before the bound

    memory_bytes, suggesting = int(arguments[0]), Suggesting()
    hold_to(memory_bytes)
    for line in sys.stdin:
        try:
            answer = suggesting.answer(json.loads(line))
        except MemoryError:
            answer = {"fault": f"the model takes more memory than {memory_bytes} bytes, which is all it may take"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
