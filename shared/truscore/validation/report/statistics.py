"""What a dataset is made of, in numbers."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from statistics import median
from typing import Any

from truscore.datasets import DatasetIndex, ImageRecord, index_digest, split_dataset
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.report.heatmap import heatmaps

SIZES_LISTED = 20
BINS = 16
# The seed of a recipe that names none.
SPLIT_SEED = 0
PARTS = ("train", "validation", "test")


def statistics_of(index: DatasetIndex, image_stats: Mapping[str, ImageStats]) -> dict[str, Any]:
    """Plain values for JSON; equal for equal datasets."""
    sizes = Counter(f"{image.width}x{image.height}" for image in index.images)
    data = {
        "digest": index_digest(index),
        "format": index.format,
        "images": len(index.images),
        "annotations": index.annotation_count,
        "unlabelled_images": len(index.bare_images),
        "classes": _classes(index),
        "modes": dict(Counter(image.mode for image in index.images)),
        "file_formats": dict(Counter(image.file_format for image in index.images)),
        "sizes": dict(sorted(sizes.items(), key=lambda size: (-size[1], size[0]))[:SIZES_LISTED]),
        "size_bytes": sum(image.size_bytes for image in index.images),
        "groups": len({image.group or image.path for image in index.images}),
        "pixels": _spread(list(image_stats.values())),
        "histograms": _histograms(index, image_stats),
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


def _classes(index: DatasetIndex) -> list[dict[str, Any]]:
    marks = Counter(annotation.label for image in index.images for annotation in image.annotations)
    shown = Counter(label for image in index.images for label in image.classes)
    return [
        {"name": name, "instances": marks[label], "images": shown[label]}
        for label, name in enumerate(index.class_names, start=1)
    ]


def _spread(measured: Sequence[ImageStats]) -> dict[str, dict[str, float]]:
    return {
        name: {"least": min(values), "median": median(values), "most": max(values)}
        for name in _numbers(measured)
        for values in [[getattr(row, name) for row in measured]]
    }


def _numbers(measured: Sequence[ImageStats]) -> list[str]:
    return [
        field.name for field in fields(ImageStats) if measured and isinstance(getattr(measured[0], field.name), float)
    ]


def _histograms(index: DatasetIndex, image_stats: Mapping[str, ImageStats]) -> dict[str, Any]:
    """Equal steps from `least` to `most`; what lies outside counts in the outermost step."""
    histograms: tuple[tuple[str, Iterable[float], float], ...] = (
        ("brightness", (row.mean for row in image_stats.values()), 255),
        ("contrast", (row.spread for row in image_stats.values()), 255),
        ("megapixels", (image.width * image.height / 1e6 for image in index.images), _most(index, _megapixels)),
        ("annotations_per_image", (len(image.annotations) for image in index.images), _most(index, _marks)),
        ("box_side", _box_sides(index), 1),
    )
    return {name: {"least": 0, "most": most, "counts": _binned(values, most)} for name, values, most in histograms}


def _megapixels(image: ImageRecord) -> float:
    return image.width * image.height / 1e6


def _marks(image: ImageRecord) -> float:
    return len(image.annotations)


def _most(index: DatasetIndex, of: Callable[[ImageRecord], float]) -> float:
    return max(map(of, index.images), default=0) or 1


def _box_sides(index: DatasetIndex) -> Iterable[float]:
    """Side of the square that covers the same share of the image, so that small boxes differ visibly."""
    for image in index.images:
        size = image.width * image.height
        for annotation in image.annotations:
            _, _, width, height = annotation.box_xywh
            if width > 0 and height > 0 and size:
                yield min(width * height / size, 1.0) ** 0.5


def _binned(values: Iterable[float], most: float) -> list[int]:
    counts = [0] * BINS
    for value in values:
        counts[min(max(int(value / most * BINS), 0), BINS - 1)] += 1
    return counts


def _split(index: DatasetIndex) -> dict[str, Any]:
    """As a recipe with the default seed divides it: images and instances by part and class."""
    split = split_dataset(index, seed=SPLIT_SEED)
    by_path = {image.path: image for image in index.images}
    return {
        "seed": SPLIT_SEED,
        "parts": {part: _part(index, [by_path[path] for path in getattr(split, part)]) for part in PARTS},
    }


def _part(index: DatasetIndex, images: Sequence[ImageRecord]) -> dict[str, Any]:
    marks = Counter(annotation.label for image in images for annotation in image.annotations)
    marks.update(label for image in images for label in image.labels or ())
    return {
        "images": len(images),
        "by_class": [marks[label] for label in range(1, len(index.class_names) + 1)],
    }
