"""Points as the studio draws them: which formats hold them, and what the others say that they lose."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from truscore.datasets import DatasetIndex, ImageRecord, index_to_json, read_dataset
from truscore.datasets.formats.capacity import LossyConversion
from truscore.datasets.formats.writing import write_dataset

from services.studio.drafts.document import Document, Frame, InvalidOperations, apply
from services.studio.drafts.marks import document_of, to_index
from services.studio.publish.publishing import FORMATS

FRAME = Frame(width=100, height=80, classes=2)
HOLD = ("truscore", "labelme")
PLACES = ((12.25, 30.5), (100.0, 80.0))  # in the middle, and on the image's last corner


def put(*points: float) -> dict[str, object]:
    return {"op": "put", "shape": {"id": f"p{points[0]}", "kind": "point", "label": 2, "points": list(points)}}


def drawn() -> Document:
    return apply(Document(), [put(*place) for place in PLACES], frame=FRAME)


def written(folder: Path) -> tuple[DatasetIndex, Path]:
    """An index with the points, and its image's folder."""
    folder.mkdir()
    content = io.BytesIO()
    Image.effect_noise((FRAME.width, FRAME.height), 90).convert("RGB").save(content, "PNG")
    (folder / "a.png").write_bytes(content.getvalue())
    index = read_dataset(folder).index
    record = (
        replace(index.images[0])
        if index is not None
        else ImageRecord(path="", sha256="", size_bytes=0, width=1, height=1)
    )
    return to_index(("dent", "dust"), (), [(record, drawn())]), folder


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_holds_points_exactly_or_names_what_it_loses(format: str, tmp_path: Path) -> None:
    index, source = written(tmp_path / "source")
    if format not in HOLD:
        with pytest.raises(LossyConversion, match="points, lines and circles"):
            write_dataset(index, source, tmp_path / "out", format=format)
        return
    write_dataset(index, source, tmp_path / "out", format=format)
    again = read_dataset(tmp_path / "out", format=format).index
    assert again is not None, index_to_json(index)
    (image,) = again.images
    document = document_of(image, labels={1: 1, 2: 2})
    assert [(shape.kind, shape.label, shape.points) for shape in document.shapes.values()] == [
        ("point", 2, place) for place in PLACES
    ]


def test_a_point_has_one_place() -> None:
    with pytest.raises(InvalidOperations, match="1 to 1 pairs"):
        apply(Document(), [put(1, 2, 3, 4)], frame=FRAME)
