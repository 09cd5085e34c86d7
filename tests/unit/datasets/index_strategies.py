"""Indexes for hypothesis, over a few real pictures, with just those things in them that a format is to hold."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from disk_datasets import picture
from hypothesis import strategies as st
from truscore.datasets import Annotation, DatasetIndex, ImageRecord, mask_to_rle
from truscore.datasets.formats.labelme.shapes import drawn_shape
from truscore.datasets.images.scan import scan_image
from truscore.datasets.index.class_order import grades_of
from truscore.datasets.limits import Limits
from truscore.datasets.shapes.parse import box_around, box_of_rle

WIDTH, HEIGHT = 40, 30
PATHS = ("a.jpg", "b.jpg", "images/c.jpg", "images/d.jpg", "deep/er/e.jpg", "train/f.jpg")
NAMES = ("scratch", "dent", "stain", "wear", "crease fold", "Ecke äöü")
GRADED = ("psa1", "psa2", "psa10")

UNSAID: st.SearchStrategy[tuple[int, ...] | None] = st.none()
inside = st.floats(0, HEIGHT - 12).map(lambda value: round(value, 3))
extent = st.floats(1, 10).map(lambda value: round(value, 3))


def write_pictures(folder: Path) -> dict[str, ImageRecord]:
    """The pictures, and their records with nothing said of them."""
    records: dict[str, ImageRecord] = {}
    for number, path in enumerate(PATHS):
        picture(folder / path, WIDTH, HEIGHT, seed=number)
        record = scan_image(folder, path, limits=Limits()).record
        assert record is not None
        records[path] = record
    return records


def boxes(label: int) -> st.SearchStrategy[Annotation]:
    return st.builds(lambda *box: Annotation(label=label, box_xywh=box), inside, inside, extent, extent)


def polygons(label: int, *, parts: int = 1) -> st.SearchStrategy[Annotation]:
    corners = st.lists(st.tuples(inside, inside), min_size=3, max_size=6)
    spread = corners.map(lambda pairs: [*pairs, (pairs[0][0] + 5.0, pairs[0][1] + 7.0)])
    flat = spread.map(lambda pairs: tuple(value for pair in pairs for value in pair))
    return st.lists(flat, min_size=parts, max_size=parts).map(
        lambda found: Annotation(label=label, box_xywh=box_around(found), polygons=tuple(found))
    )


def run_lengths(label: int) -> st.SearchStrategy[Annotation]:
    def marked(seed: int) -> Annotation:
        # Each label in rows of its own: masks of different classes never overlap.
        mask_HW = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
        mask_HW[label * 5 - 5 : label * 5] = np.random.default_rng(seed).random((5, WIDTH)) < 0.3
        mask_HW[label * 5 - 5, seed % WIDTH] = True
        rle = mask_to_rle(mask_HW)
        return Annotation(label=label, box_xywh=box_of_rle(rle), rle=rle)

    return st.integers(0, 999).map(marked)


def strokes(label: int) -> st.SearchStrategy[Annotation]:
    def drawn(kind: str, pairs: list[tuple[float, float]]) -> Annotation:
        count = {"point": 1, "line": 2, "circle": 2}.get(kind, len(pairs))
        if kind == "circle":
            pairs = [(15.0, 15.0), (15.0 + pairs[0][0] / 3 + 1, 15.0)]
        return drawn_shape(kind, tuple(value for pair in pairs[:count] for value in pair), label, "")

    kinds = st.sampled_from(["point", "line", "linestrip", "circle"])
    return st.builds(drawn, kinds, st.lists(st.tuples(inside, inside), min_size=2, max_size=5))


MARKS: Mapping[str, Callable[[int], st.SearchStrategy[Annotation]]] = {
    "box": boxes,
    "polygon": polygons,
    "parts": lambda label: polygons(label, parts=2),
    "rle": run_lengths,
    "crowd": lambda label: run_lengths(label).map(lambda mark: replace(mark, crowd=True)),
    "stroke": strokes,
}


def marks(kinds: Collection[str], count: int, *, one_of_each: bool) -> st.SearchStrategy[tuple[Annotation, ...]]:
    one = st.tuples(st.sampled_from(sorted(kinds)), st.integers(1, count)).flatmap(lambda pick: MARKS[pick[0]](pick[1]))
    unique = (lambda mark: mark.label) if one_of_each else None
    return st.lists(one, max_size=4, unique_by=unique).map(tuple)


@st.composite
def indexes(
    draw: st.DrawFn,
    records: Mapping[str, ImageRecord],
    *,
    kinds: Collection[str] = (),
    labels: st.SearchStrategy[tuple[int, ...] | None] = UNSAID,
    scores: Collection[str] = (),
    names: tuple[str, ...] = NAMES[:4],
    one_of_each: bool = False,
) -> DatasetIndex:
    """Some of the pictures with marks of these kinds, whole-image labels and scores."""
    paths = draw(st.lists(st.sampled_from(sorted(records)), min_size=2, unique=True))
    images = [
        replace(
            records[path],
            annotations=draw(marks(kinds, len(names), one_of_each=one_of_each)) if kinds else (),
            labels=draw(labels),
            scores=tuple((name, draw(st.floats(-5, 5))) for name in sorted(scores) if draw(st.booleans())),
        )
        for path in sorted(paths)
    ]
    return DatasetIndex(format="", class_names=names, images=tuple(images), grades=grades_of(names))
