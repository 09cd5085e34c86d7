"""How good masks of damage are: classes of pixels, 0 being none of them. H, W sides; K classes with the background.

All figures come from counts of pixels that add up over images: an image with much damage counts for more than one with
a scratch, and an image without any counts by what is wrongly found on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.boundaries import BoundaryCounts, boundary_f1, count_boundaries, nothing_found
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.confusion_matrix import Counts, accuracy, as_matrix
from truscore.metrics.diagnostics import Diagnostics, ImageError, Row
from truscore.metrics.object_sizes import SIZES, size_name

if TYPE_CHECKING:
    from collections.abc import Iterator

Classes = NDArray[np.integer]


@dataclass(frozen=True, kw_only=True, slots=True)
class DamageRegion:
    """A connected piece of target damage: its share of the image's area, and how much of it was predicted so."""

    label: int
    share: float
    covered: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelConfusion:
    """An image's counts of pixels, K rows of target and K columns of predicted classes, its pieces of damage, and the
    outlines of all of it; None of images that were counted by a release without them."""

    image: int
    counts: tuple[tuple[int, ...], ...]
    regions: tuple[DamageRegion, ...]
    boundaries: BoundaryCounts | None = None


def count_pixels(image: int, target_HW: Classes, prediction_HW: Classes, *, classes: int) -> PixelConfusion:
    """Count an image. ``classes`` is K, the background included; where the target class is none of them (as 255), the
    pixel counts nowhere. Raises ValueError for a predicted class that is none of them.
    """
    if prediction_HW.size and not 0 <= int(prediction_HW.min()) <= int(prediction_HW.max()) < classes:
        raise ValueError(
            f"found classes {prediction_HW.min()} to {prediction_HW.max()}, accepted are 0 to {classes - 1}"
        )
    known_HW = (target_HW >= 0) & (target_HW < classes)
    places_N = target_HW[known_HW].astype(np.int64) * classes + prediction_HW[known_HW].astype(np.int64)
    counts_KK = np.bincount(places_N, minlength=classes * classes).reshape(classes, classes)
    return PixelConfusion(
        image=image,
        counts=tuple(tuple(int(count) for count in row) for row in counts_KK),
        regions=tuple(_regions(target_HW, prediction_HW, classes)),
        boundaries=count_boundaries(known_HW & (target_HW > 0), known_HW & (prediction_HW > 0)),
    )


def segmentation_metrics(images: Sequence[PixelConfusion]) -> dict[str, float]:
    """``mask_mean_IoU``, ``dice`` (means over the classes of damage), ``binary_IoU``, ``binary_dice`` (of damage of
    whatever class), ``boundary_F1`` (of its outlines, see ``metrics.boundaries``) and ``pixel_accuracy``; of images
    without damage, left out where all have some, ``false_alarm_rate``, the share of them on which some is found, and
    ``false_alarm_area``, the mean share of their area that is. Empty of no images.

    A class counts where it is a target or a prediction on any image. Where no image has damage, the measures of how
    well it is found are left out: they are of nothing, however much was found.
    """
    if not images:
        return {}
    metrics = dict(segmentation_measure(images)(range(len(images))))
    if not any(map(_target_damage, images)):
        metrics = {name: value for name, value in metrics.items() if name not in OF_DAMAGE}
    return metrics


OF_DAMAGE = frozenset({"mask_mean_IoU", "dice", "binary_IoU", "binary_dice", "boundary_F1"})


def segmentation_measure(images: Sequence[PixelConfusion]) -> Measure:
    """``segmentation_metrics`` of any places of the images, for resampling: of a draw without damage on which none is
    found, all are 1."""
    counts_NKK = np.array([image.counts for image in images], dtype=np.int64)
    clean_N = np.array([not _target_damage(image) for image in images], dtype=np.bool_)
    alarm_N = np.array([_predicted_damage(image) / max(1, _pixels(image)) for image in images], dtype=np.float64)
    outlined = all(image.boundaries is not None for image in images)

    def measure(places: Sequence[int]) -> dict[str, float]:
        at_N = np.asarray(places, dtype=np.int64)
        counts_KK: Counts = counts_NKK[at_N].sum(axis=0)
        binary_22 = _binary(counts_KK)
        metrics = {
            "mask_mean_IoU": _mean(iou_by_class(counts_KK)[1:]),
            "dice": _mean(dice_by_class(counts_KK)[1:]),
            "binary_IoU": _mean(iou_by_class(binary_22)[1:]),
            "binary_dice": _mean(dice_by_class(binary_22)[1:]),
            "pixel_accuracy": accuracy(counts_KK),
        }
        if outlined:
            found = (images[place].boundaries for place in places)
            metrics["boundary_F1"] = boundary_f1(counts for counts in found if counts is not None)
        if clean_N[at_N].any():
            share_N = alarm_N[at_N][clean_N[at_N]]
            metrics["false_alarm_rate"] = float((share_N > 0).mean())
            metrics["false_alarm_area"] = float(share_N.mean())
        return metrics

    return measure


def without_damage(image: PixelConfusion) -> PixelConfusion:
    """The image's counts had nothing been found on it."""
    width = len(image.counts)
    return PixelConfusion(
        image=image.image,
        counts=tuple((sum(row), *(0,) * (width - 1)) for row in image.counts),
        regions=tuple(replace(region, covered=0.0) for region in image.regions),
        boundaries=None if image.boundaries is None else nothing_found(image.boundaries),
    )


def _binary(counts_KK: Counts) -> Counts:
    """[2, 2] of nothing and any damage."""
    edges = [0, 1]
    binary_22: Counts = np.add.reduceat(np.add.reduceat(counts_KK, edges, axis=0), edges, axis=1)
    return binary_22


def iou_by_class(counts_KK: Counts) -> list[float | None]:
    """Intersection over union (Jaccard 1912) of each class; None for one of neither."""
    true_K = np.diagonal(counts_KK)
    union_K = counts_KK.sum(axis=0) + counts_KK.sum(axis=1) - true_K
    return [float(true / union) if union else None for true, union in zip(true_K, union_K, strict=True)]


def dice_by_class(counts_KK: Counts) -> list[float | None]:
    """Twice the intersection over the sum of both areas (Dice 1945); None for one of neither."""
    true_K = np.diagonal(counts_KK)
    both_K = counts_KK.sum(axis=0) + counts_KK.sum(axis=1)
    return [float(2 * true / both) if both else None for true, both in zip(true_K, both_K, strict=True)]


def segmentation_diagnostics(images: Sequence[PixelConfusion], class_names: Sequence[str]) -> Diagnostics:
    """``class_names`` are those of damage, without the background: K - 1 of them."""
    counts_KK, names = _summed(images), ("nothing", *class_names)
    iou_K, dice_K = iou_by_class(counts_KK), dice_by_class(counts_KK)
    return Diagnostics(
        error_name="1 less the Dice coefficient of all damage",
        matrices=(as_matrix(counts_KK, names, title="pixels"),),
        by_class=tuple(
            {
                "class": name,
                "images": sum(sum(image.counts[place]) > 0 for image in images),
                "pixels": int(counts_KK[place].sum()),
                "IoU": iou_K[place],
                "dice": dice_K[place],
            }
            for place, name in enumerate(names)
        ),
        by_size=tuple(_by_size(images)),
        image_errors=tuple(_image_error(image) for image in images),
    )


def _summed(images: Sequence[PixelConfusion]) -> Counts:
    summed: Counts = np.array([image.counts for image in images], dtype=np.int64).sum(axis=0)
    return summed


def _mean(values: Sequence[float | None]) -> float:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else 1.0


def _regions(target_HW: Classes, prediction_HW: Classes, classes: int) -> "Iterator[DamageRegion]":
    import cv2

    for label in range(1, classes):
        own_HW = target_HW == label
        if not own_HW.any():
            continue
        count, piece_HW = cv2.connectedComponents(own_HW.astype(np.uint8), connectivity=8)
        area_P = np.bincount(piece_HW.ravel(), minlength=count)
        predicted_P = np.bincount(piece_HW[prediction_HW == label], minlength=count)
        for piece in range(1, count):
            area = int(area_P[piece])
            yield DamageRegion(label=label, share=area / target_HW.size, covered=float(predicted_P[piece] / area))


def _by_size(images: Sequence[PixelConfusion]) -> "Iterator[Row]":
    """Pieces of damage by their size: how many, how many were touched at all, and how much of them was found."""
    regions = [region for image in images for region in image.regions]
    for size in SIZES:
        own = [region for region in regions if size_name(region.share) == size]
        yield {
            "size": size,
            "pieces": len(own),
            "touched": float(np.mean([region.covered > 0 for region in own])) if own else None,
            "covered": float(np.mean([region.covered for region in own])) if own else None,
        }


def _target_damage(image: PixelConfusion) -> int:
    return sum(sum(row) for row in image.counts[1:])


def _predicted_damage(image: PixelConfusion) -> int:
    return sum(sum(row[1:]) for row in image.counts)


def _pixels(image: PixelConfusion) -> int:
    return sum(map(sum, image.counts))


def _image_error(image: PixelConfusion) -> ImageError:
    target, prediction = _target_damage(image), _predicted_damage(image)
    right = sum(row[place] for place, row in enumerate(image.counts) if place)
    pixels = max(1, _pixels(image))
    error = 1 - 2 * right / (target + prediction) if target + prediction else 0.0
    return ImageError(
        image=image.image, error=error, text=f"{target / pixels:.2%} of it damage, {prediction / pixels:.2%} found"
    )
