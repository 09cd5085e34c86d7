"""Pascal VOC: an XML file beside each image; polygons as CVAT and Roboflow write them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from truscore.datasets.formats.annotation_names import beside, clashes, unchanged
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord
from truscore.datasets.reading.declaration import Declaration


class VocWriter:
    declare = True

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]:
        paths = unchanged(image.path for image in index.images)
        return paths, clashes(paths)

    def write(self, index: DatasetIndex, folder: Path) -> Declaration:
        names = beside((image.path for image in index.images), ".xml")
        for image in index.images:
            root = _image(image, index.class_names)
            indent(root)
            ElementTree(root).write(folder / names[image.path], encoding="utf-8", xml_declaration=True)
        return Declaration()


def _image(image: ImageRecord, names: tuple[str, ...]) -> Element:
    root = Element("annotation")
    SubElement(root, "filename").text = PurePosixPath(image.path).name
    size = SubElement(root, "size")
    for tag, value in (("width", image.width), ("height", image.height), ("depth", 3)):
        SubElement(size, tag).text = str(value)
    for mark in image.annotations:
        root.append(_object(mark, names[mark.label - 1]))
    return root


def _object(mark: Annotation, name: str) -> Element:
    element = Element("object")
    SubElement(element, "name").text = name
    bounds = SubElement(element, "bndbox")
    x, y, width, height = mark.box_xywh
    for tag, value in (("xmin", x), ("ymin", y), ("xmax", x + width), ("ymax", y + height)):
        SubElement(bounds, tag).text = repr(float(value))
    for polygon in mark.polygons:
        outline = SubElement(element, "polygon")
        for at, value in enumerate(polygon):
            SubElement(outline, f"{'xy'[at % 2]}{at // 2 + 1}").text = repr(float(value))
    return element


WRITER = VocWriter()
