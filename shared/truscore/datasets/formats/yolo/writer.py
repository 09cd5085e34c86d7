"""YOLO: a text file for each image, in `labels` for the images in `images`, else beside it; names in data.yaml."""

from __future__ import annotations

from pathlib import Path

from truscore.datasets.formats.annotation_names import same_name, unchanged
from truscore.datasets.formats.yolo.reader import label_paths
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord
from truscore.datasets.reading.declaration import Declaration


class YoloWriter:
    declare = False

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]:
        paths = unchanged(image.path for image in index.images)
        return paths, same_name({path: label_paths(path)[0].lower() for path in paths})

    def write(self, index: DatasetIndex, folder: Path) -> Declaration:
        import yaml

        for image in index.images:
            file = folder / label_paths(image.path)[0]
            file.parent.mkdir(parents=True, exist_ok=True)
            lines = [_line(mark, image) for mark in image.annotations]
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        names = list(index.class_names)
        content = {"path": ".", "train": ".", "val": ".", "nc": len(names), "names": names}
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        (folder / "data.yaml").write_text(text, encoding="utf-8")
        return Declaration()


def _line(mark: Annotation, image: ImageRecord) -> str:
    if mark.polygons:
        values = [value for polygon in mark.polygons[:1] for value in polygon]
    else:
        x, y, width, height = mark.box_xywh
        values = [x + width / 2, y + height / 2, width, height]
    scales = (image.width, image.height)
    fractions = (value / scales[at % 2] for at, value in enumerate(values))
    return " ".join([str(mark.label - 1), *map(repr, fractions)])


WRITER = YoloWriter()
