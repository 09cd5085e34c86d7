"""Faults of annotations: each changes one image's marks, so that one rule has something to find."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from truscore.datasets import RLE, Annotation

from tests.planted_faults.samples import SIZE_PX, Sample, around, mark

WIDTH, HEIGHT = SIZE_PX
Fault = Callable[[Sample], None]


def added(make: Callable[[Sample], Annotation]) -> Fault:
    """One more mark on some image."""

    def plant(sample: Sample) -> None:
        place = sample.anywhere()
        sample.marks(place, *sample.images[place].annotations, make(sample))

    return plant


def changed(change: Callable[[Sample, Annotation], Annotation], *, label: int = 0) -> Fault:
    """One mark of some image changed, of the label where one is named."""

    def plant(sample: Sample) -> None:
        place = sample.anywhere()
        marks = list(sample.images[place].annotations)
        at = label - 1 if label else int(sample.random.integers(len(marks)))
        marks[at] = change(sample, marks[at])
        sample.marks(place, *marks)

    return plant


def _box(sample: Sample, width: tuple[float, float], height: tuple[float, float]) -> tuple[float, float, float, float]:
    wide, high = sample.random.uniform(*width), sample.random.uniform(*height)
    return sample.random.uniform(0, WIDTH - wide), sample.random.uniform(0, HEIGHT - high), wide, high


def outside(sample: Sample) -> Annotation:
    wide, high = sample.random.uniform(20, 60, size=2)
    return mark(1, (WIDTH - sample.random.uniform(0, 0.4) * wide, sample.random.uniform(0, 150), wide, high))


def leaving(sample: Sample) -> Annotation:
    wide, high = sample.random.uniform(20, 60, size=2)
    return mark(1, (WIDTH - sample.random.uniform(0.6, 0.8) * wide, sample.random.uniform(0, 150), wide, high))


def unbounded(sample: Sample, one: Annotation) -> Annotation:
    values = list(one.box_xywh)
    values[int(sample.random.integers(4))] = float(sample.random.choice([math.nan, math.inf, -math.inf]))
    return replace(one, box_xywh=tuple(values))


def collapsed(_sample: Sample, one: Annotation) -> Annotation:
    return replace(one, polygons=(one.polygons[0][:4],))


def crossed(_sample: Sample, one: Annotation) -> Annotation:
    x, y, width, height = one.box_xywh
    return replace(one, polygons=((x, y, x + width, y + height, x + width, y, x, y + height),))


def boxed_elsewhere(sample: Sample, one: Annotation) -> Annotation:
    return replace(one, box_xywh=_box(sample, (10, 30), (10, 30)))


def boxed_loosely(sample: Sample, one: Annotation) -> Annotation:
    x, y, width, height = one.box_xywh
    short = sample.random.uniform(0.06, 0.25)
    return replace(one, box_xywh=(x, y, width * (1 - short), height))


def polygon_leaving(sample: Sample, one: Annotation) -> Annotation:
    return replace(one, polygons=((*one.polygons[0], WIDTH + sample.random.uniform(5, 60), HEIGHT / 2),))


def drawn_again(sample: Sample, *, label: int = 0) -> None:
    place = sample.anywhere()
    one = sample.images[place].annotations[0]
    x, y, width, height = one.box_xywh
    shift = sample.random.uniform(-0.01, 0.01) * width
    again = replace(one, box_xywh=(x + shift, y, width, height), label=label or one.label)
    sample.marks(place, *sample.images[place].annotations, again)


def bad_rle(sample: Sample) -> Annotation:
    counts = (0, int(sample.random.integers(1, WIDTH * HEIGHT - 1)))
    wrong = RLE(height=HEIGHT, width=WIDTH, counts=counts)
    turned = RLE(height=HEIGHT - 7, width=WIDTH, counts=(0, WIDTH * (HEIGHT - 7)))
    rle = turned if sample.random.random() < 0.5 else wrong
    return Annotation(label=1, box_xywh=(0, 0, 60, 60), rle=rle, source_id="planted")


def masked_elsewhere(sample: Sample) -> Annotation:
    column = int(sample.random.integers(0, WIDTH // 2 - 20))
    before, inside = column * HEIGHT + 10, 40
    rle = RLE(height=HEIGHT, width=WIDTH, counts=(before, inside, WIDTH * HEIGHT - before - inside))
    return Annotation(label=1, box_xywh=(WIDTH - 60, HEIGHT - 60, 50, 50), rle=rle, source_id="planted")


def swapped_out(sample: Sample, one: Annotation) -> Annotation:
    """The graphical border where no outer border is."""
    x, y, width, height = one.box_xywh
    shift = width * sample.random.uniform(0.3, 0.6) * sample.random.choice([-1, 1])
    return mark(one.label, (x + shift, y, width, height))


def poking_out(sample: Sample, one: Annotation) -> Annotation:
    """One corner of the graphical border pulled beyond the card."""
    points = list(one.polygons[0])
    middle = sum(points[0::2]) / len(points[0::2]), sum(points[1::2]) / len(points[1::2])
    corner = 2 * (len(points) // 8) * int(sample.random.integers(4))
    stretch = sample.random.uniform(1.25, 1.6)
    points[corner] = middle[0] + stretch * (points[corner] - middle[0])
    points[corner + 1] = middle[1] + stretch * (points[corner + 1] - middle[1])
    return replace(one, polygons=(tuple(points),), box_xywh=around(tuple(points)))


def dented(sample: Sample, one: Annotation) -> Annotation:
    """A side of the border bent inwards in its middle."""
    x, y, width, height = one.box_xywh
    dent = sample.random.uniform(0.05, 0.09) * min(width, height)
    outline = (x, y, x + width / 2, y + dent, x + width, y, x + width, y + height, x, y + height)
    return replace(one, polygons=(outline,), box_xywh=around(outline))


def cut_away(sample: Sample, one: Annotation) -> Annotation:
    """A quarter of the border left out."""
    x, y, width, height = one.box_xywh
    across, down = sample.random.uniform(0.4, 0.6, size=2)
    outline = (
        *(x, y, x + across * width, y, x + across * width, y + down * height),
        *(x + width, y + down * height, x + width, y + height, x, y + height),
    )
    return replace(one, polygons=(outline,), box_xywh=around(outline))


def stretched(sample: Sample) -> None:
    """Both borders widened as a stretched image widens them."""
    place = sample.anywhere()
    high = sample.random.uniform(90, 120)
    wide = high * sample.random.uniform(1.0, 1.15)
    left, top = (WIDTH - wide) / 2, (HEIGHT - high) / 2
    sample.marks(
        place,
        mark(1, (left, top, wide, high)),
        mark(2, (left + 8, top + 9, wide - 16, high - 18)),
    )


def off_centre(sample: Sample) -> None:
    place = sample.anywhere()
    high = sample.random.uniform(140, 200)
    wide = high * 2.5 / 3.5
    left, top, margin = (WIDTH - wide) / 2, (HEIGHT - high) / 2, sample.random.uniform(0.06, 0.15) * wide
    sample.marks(
        place,
        mark(1, (left, top, wide, high)),
        mark(2, (left + 0.01 * margin, top + margin, wide - 1.01 * margin, high - 2 * margin)),
    )


def lost_corner(sample: Sample) -> None:
    """Corner crops, one of them in the middle of the card."""
    sample.names = (*sample.names, "top_left_corner", "bottom_right_corner")
    astray = sample.anywhere()
    for place, image in enumerate(sample.images):
        points = image.annotations[0].polygons[0]
        corners = sorted(zip(points[0::2], points[1::2], strict=True), key=sum)
        spots = {3: corners[0], 4: corners[-1]}
        if place == astray:
            spots[3] = tuple((one + two) / 2 for one, two in zip(corners[0], corners[-1], strict=True))
            sample.planted.add(image.path)
        crops = [mark(label, (x - 8, y - 8, 16, 16)) for label, (x, y) in spots.items()]
        sample.images[place] = replace(image, annotations=(*image.annotations, *crops))


def flagged(sample: Sample, one: Annotation) -> Annotation:
    return replace(one, crowd=True)


def half_drawn(sample: Sample) -> None:
    place = sample.anywhere()
    sample.marks(place, sample.images[place].annotations[int(sample.random.integers(2))])


def crowded(sample: Sample) -> None:
    boxes = [mark(1, _box(sample, (3, 9), (3, 9)), polygons=()) for _ in range(501)]
    sample.marks(sample.anywhere(), *boxes)


def unlabelled(sample: Sample) -> None:
    sample.marks(sample.anywhere())


MARKS: Mapping[str, Fault] = {
    "label.empty_box": added(lambda sample: Annotation(label=1, box_xywh=(*sample.random.uniform(0, 200, 3), 0.0))),
    "label.tiny_box": added(lambda sample: mark(1, _box(sample, (0.2, 1.8), (5, 50)))),
    "label.box_outside": added(outside),
    "label.box_leaves_image": added(leaving),
    "label.unknown_category": added(
        lambda sample: mark(int(sample.random.integers(3, 90)), _box(sample, (9, 60), (9, 60)))
    ),
    "label.not_finite": changed(unbounded),
    "label.short_polygon": changed(collapsed),
    "label.crossing_polygon": changed(crossed),
    "label.box_misses_polygon": changed(boxed_elsewhere),
    "label.loose_box": changed(boxed_loosely),
    "label.polygon_leaves_image": changed(polygon_leaving),
    "label.duplicate_instance": drawn_again,
    "label.conflicting_labels": lambda sample: drawn_again(sample, label=2),
    "label.invalid_rle": added(bad_rle),
    "label.box_misses_mask": added(masked_elsewhere),
    "label.crowd_outline": changed(flagged),
    "label.borders_not_nested": changed(swapped_out, label=2),
    "coverage.border_missing": half_drawn,
    "coverage.usual_class_missing": half_drawn,
    "coverage.unlabelled_image": unlabelled,
    "coverage.whole_image_box": changed(lambda _, one: replace(one, box_xywh=(0.0, 0.0, WIDTH, HEIGHT)), label=1),
    "coverage.crowded_image": crowded,
    "geometry.border_outside_card": changed(poking_out, label=2),
    "geometry.bent_border": changed(dented),
    "geometry.not_quadrilateral": changed(cut_away),
    "geometry.card_aspect": stretched,
    "geometry.implausible_centring": off_centre,
    "geometry.stray_corner": lost_corner,
}
