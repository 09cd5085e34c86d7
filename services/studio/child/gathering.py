"""Images of a draft under their paths in the dataset."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path


def gather(files: Mapping[str, str], folder: Path) -> Path:
    """Put each file, by its path in the dataset, into the folder: links where the file system has them."""
    for path, file in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, place)
        except OSError:
            shutil.copyfile(file, place)
    return folder
