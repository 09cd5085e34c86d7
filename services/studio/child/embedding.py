"""`python -m services.studio.child.embedding MEMORY_BYTES`: features of images by an exported model's body, and the map
that they make, a line of JSON each. It ends when its standard input does.

Features are kept by model and image: of a draft that grows only the new images are looked at.
"""

from __future__ import annotations

import faulthandler
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from truscore.datasets.images.decode import UnreadableImage
from truscore.files import atomic_write

from services.studio.child.__main__ import load_libraries
from services.studio.child.bounds import hold_to
from services.studio.child.projection import projected

if TYPE_CHECKING:
    from truscore.inference.features import Body

MOST_PIXELS = 2 << 20  # of a picture: what is alike is alike at this size, too


class Embedding:
    """Answers one question after the other; keeps the last model."""

    def __init__(self) -> None:
        self._body: tuple[str, Body] | None = None

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        from truscore.inference.description import UnusableModel
        from truscore.inference.model import InferenceFailed

        try:
            return self._mapped(job) if job["what"] == "map" else self._looked(job)
        except (UnusableModel, InferenceFailed, UnreadableImage, OSError, ValueError) as error:
            return {"fault": str(error)}

    def _looked(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Features of the images: {digest: file}."""
        from truscore.inference.pictures import load_picture

        folder = Path(job["kept"])
        folder.mkdir(parents=True, exist_ok=True)
        for sha256, file in job["images"].items():
            picture = load_picture(Path(file), most_pixels=MOST_PIXELS).image_HWC
            features = self._loaded(job, picture)(picture)
            with atomic_write(folder / f"{sha256}.npy") as out:
                np.save(out, features)
        return {"fault": "", "tensor": "" if self._body is None else self._body[1].tensor}

    def _loaded(self, job: Mapping[str, Any], picture: Any) -> Body:
        from truscore.inference.features import Body

        if self._body is None or self._body[0] != job["model"]:
            self._body = None  # two at once may be more than there is room for
            self._body = (job["model"], Body(Path(job["model"]), picture))
        return self._body[1]

    def _mapped(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Where each image lies: of all whose features are kept, in the order of `images`."""
        folder = Path(job["kept"])
        features_NC = np.stack([np.load(folder / f"{sha256}.npy", allow_pickle=False) for sha256 in job["images"]])
        found = projected(features_NC, job["method"])
        return {
            "fault": "",
            "method": found.method,
            "explained": found.explained,
            "places": [[round(float(x), 4), round(float(y), 4)] for x, y in found.places_N2],
        }


def main(arguments: list[str]) -> int:
    faulthandler.enable()
    load_libraries()
    import truscore.inference.features  # noqa: F401  onnxruntime, before the bound

    memory_bytes, embedding = int(arguments[0]), Embedding()
    hold_to(memory_bytes)
    for line in sys.stdin:
        try:
            answer = embedding.answer(json.loads(line))
        except MemoryError:
            answer = {"fault": f"it takes more memory than {memory_bytes} bytes, which is all it may take"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
