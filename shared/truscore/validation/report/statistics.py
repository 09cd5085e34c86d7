"""What a dataset is made of, in numbers."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from statistics import median
from typing import Any

from truscore.datasets import DatasetIndex, ImageRecord, index_digest
from truscore.datasets.index.in_order import by_path
from truscore.datasets.splitting.split import split_places
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.report.heatmap import heatmaps

SIZES_LISTED = 20
BINS = 16
# The seed of a recipe that names none.
SPLIT_SEED = 0
PARTS = ("train", "validation", "test")


@dataclass(kw_only=True, slots=True)
class _Tally:
    """What one look at each image gives."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    file_formats: Counter[str] = field(default_factory=Counter)
    marks: Counter[int] = field(default_factory=Counter)
    shown: Counter[int] = field(default_factory=Counter)
    marks_per_image: Counter[int] = field(default_factory=Counter)
    box_sides: list[int] = field(default_factory=lambda: [0] * BINS)
    named_groups: set[str] = field(default_factory=set)
    ungrouped: int = 0
    size_bytes: int = 0

    def add(self, image: ImageRecord) -> None:
        self.sizes[image.width, image.height] += 1
        self.modes[image.mode] += 1
        self.file_formats[image.file_format] += 1
        self.marks_per_image[len(image.annotations)] += 1
        self.size_bytes += image.size_bytes
        for label in image.classes:
            self.shown[label] += 1
        pixels = image.width * image.height
        for mark in image.annotations:
            self.marks[mark.label] += 1
            _, _, width, height = mark.box_xywh
            if width > 0 and height > 0 and pixels:
                # Side of the square that covers the same share of the image, so that small boxes differ visibly.
                self.box_sides[_bin(min(width * height / pixels, 1.0) ** 0.5, 1)] += 1
        if image.group:
            self.named_groups.add(image.group)
        else:
            self.ungrouped += 1


def statistics_of(index: DatasetIndex, image_stats: Mapping[str, ImageStats]) -> dict[str, Any]:
    """Plain values for JSON; equal for equal datasets."""
    tally = _Tally()
    for image in index.images:
        tally.add(image)
    sizes = {f"{width}x{height}": count for (width, height), count in tally.sizes.items()}
    data = {
        "digest": index_digest(index),
        "format": index.format,
        "images": len(index.images),
        "annotations": tally.marks.total(),
        "unlabelled_images": index.bare_images,
        "classes": [
            {"name": name, "instances": tally.marks[label], "images": tally.shown[label]}
            for label, name in enumerate(index.class_names, start=1)
        ],
        "modes": dict(tally.modes),
        "file_formats": dict(tally.file_formats),
        "sizes": dict(sorted(sizes.items(), key=lambda size: (-size[1], size[0]))[:SIZES_LISTED]),
        "size_bytes": tally.size_bytes,
        "groups": tally.ungrouped + len(tally.named_groups),
        **_pixels(tally, image_stats),
        "heat": heatmaps(index),
        "split": _split(index),
    }
    return data | {"objects": _objects(index)} if index.objects else data


def _objects(index: DatasetIndex) -> dict[str, int]:
    """Objects under many lights, and of how many there is what is known of their pixels."""
    views = Counter(image.light.object for image in index.images if image.light is not None)
    return {
        "count": len(index.objects),
        "fewest_views": min(views.values(), default=0),
        "most_views": max(views.values(), default=0),
        "masks": sum(lit_object.mask is not None for lit_object in index.objects),
        "normal_maps": sum(lit_object.normals is not None for lit_object in index.objects),
        "depth_maps": sum(lit_object.depth is not None for lit_object in index.objects),
    }


def _pixels(tally: _Tally, image_stats: Mapping[str, ImageStats]) -> dict[str, Any]:
    """The spread of each measure, and histograms."""
    first = next(iter(image_stats.values()), None)
    names = [one.name for one in fields(ImageStats) if first and isinstance(getattr(first, one.name), float)]
    columns = {name: array("d") for name in names}
    for stats in image_stats.values():
        for name, column in columns.items():
            column.append(getattr(stats, name))
    megapixels = Counter[float]()
    for (width, height), count in tally.sizes.items():
        megapixels[width * height / 1e6] += count
    return {
        "pixels": {
            name: {"least": min(values), "median": median(values), "most": max(values)}
            for name, values in columns.items()
        },
        "histograms": {
            "brightness": _histogram(((value, 1) for value in columns.get("mean", ())), 255),
            "contrast": _histogram(((value, 1) for value in columns.get("spread", ())), 255),
            "megapixels": _histogram(megapixels.items(), max(megapixels, default=0) or 1),
            "annotations_per_image": _histogram(
                tally.marks_per_image.items(), max(tally.marks_per_image, default=0) or 1
            ),
            "box_side": {"least": 0, "most": 1, "counts": tally.box_sides},
        },
    }


def _histogram(values: Iterable[tuple[float, int]], most: float) -> dict[str, Any]:
    """Equal steps from `least` to `most`; what lies outside counts in the outermost step."""
    counts = [0] * BINS
    for value, count in values:
        counts[_bin(value, most)] += count
    return {"least": 0, "most": most, "counts": counts}


def _bin(value: float, most: float) -> int:
    return min(max(int(value / most * BINS), 0), BINS - 1)


def _split(index: DatasetIndex) -> dict[str, Any]:
    """As a recipe with the default seed divides it: images and instances by part and class."""
    images = by_path(index.images)
    places = split_places(images, seed=SPLIT_SEED)
    part_of = bytearray(len(images))
    for number, part in enumerate(places):
        for place in part:
            part_of[place] = number
    marks: list[Counter[int]] = [Counter() for _ in PARTS]
    for image, number in zip(images, part_of, strict=True):
        marks[number].update(annotation.label for annotation in image.annotations)
        marks[number].update(image.labels or ())
    labels = range(1, len(index.class_names) + 1)
    return {
        "seed": SPLIT_SEED,
        "parts": {
            name: {"images": len(places[number]), "by_class": [marks[number][label] for label in labels]}
            for number, name in enumerate(PARTS)
        },
    }
