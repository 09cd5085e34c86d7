"""The index beside its images, with the maps of lit objects."""

from __future__ import annotations

from pathlib import Path

from truscore.datasets.formats.annotation_names import clashes, unchanged
from truscore.datasets.formats.truscore.reader import INDEX_FILE
from truscore.datasets.index.json_codec import index_to_json
from truscore.datasets.index.records import DatasetIndex
from truscore.datasets.reading.declaration import Declaration


class TruscoreWriter:
    declare = False

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]:
        paths = unchanged(image.path for image in index.images)
        taken = ["an image called like the index"] if INDEX_FILE in paths else []
        return paths, [*clashes(paths), *taken]

    def write(self, index: DatasetIndex, folder: Path) -> Declaration:
        (folder / INDEX_FILE).write_text(index_to_json(index), encoding="utf-8")
        return Declaration()


WRITER = TruscoreWriter()
