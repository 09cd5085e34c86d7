"""Trivial predictors: what they answer is learnt from training labels, and the same for every picture.

They give the results that a task's metrics are computed of, so that one code measures them and the network. ``results``
are the network's on the same images: targets are taken from there.

Legend: K classes or grades, S scores, g side of a grid over the image.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean, median, median_low

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from truscore.datasets import ImageRecord
from truscore.metrics.borders import average_borders
from truscore.metrics.detection import ImageDetections, Instance, RunLengths, kinds, without_masks
from truscore.metrics.multilabel import MultilabelPrediction
from truscore.metrics.ordinal import OrdinalPrediction
from truscore.metrics.quadrilaterals import Points
from truscore.metrics.regression import RegressionPrediction

Labels = NDArray[np.uint8]


def constant_grades(
    results: Sequence[OrdinalPrediction], training: Sequence[int], classes: int
) -> dict[str, list[OrdinalPrediction]]:
    """Always the middle grade of the training images, and always the commonest; of equals the lower. ``training`` are
    places on the scale, from 0; each grade is as probable as it is frequent."""
    counts = [training.count(place) for place in range(classes)]
    shares = tuple(count / len(training) for count in counts)
    constants = {"middle_grade": median_low(training), "commonest_grade": counts.index(max(counts))}
    return {
        name: [replace(one, prediction=place, probabilities=shares) for one in results]
        for name, place in constants.items()
    }


def constant_scores(
    results: Sequence[RegressionPrediction], training: Sequence[Sequence[float]]
) -> dict[str, list[RegressionPrediction]]:
    """Always the mean, and always the median of the training images; ``training`` has the known values of each score,
    at least one of each."""
    constants = {
        "mean_score": tuple(float(mean(values)) for values in training),
        "median_score": tuple(float(median(values)) for values in training),
    }
    return {name: [replace(one, prediction=values) for one in results] for name, values in constants.items()}


def constant_labels(
    results: Sequence[MultilabelPrediction], training: Sequence[Sequence[int]], classes: int
) -> dict[str, list[MultilabelPrediction]]:
    """Each class as probable as it is frequent, and every class on every image; ``training`` has each image's classes,
    from 1."""
    shares = tuple(sum(label in labels for labels in training) / len(training) for label in range(1, classes + 1))
    constants = {"class_prior": shares, "every_class": (1.0,) * classes}
    return {name: [replace(one, probabilities=values) for one in results] for name, values in constants.items()}


def average_border(results: Sequence[ImageDetections], training: Sequence[ImageRecord]) -> list[ImageDetections]:
    """Each border of the training labels once, as the box of its average corners. Of boxes alone: a mask at the
    network's size would round them to its pixels."""
    corners = average_borders(training)
    return [
        replace(
            without_masks(one),
            prediction=tuple(_instance(label, corners_42, one) for label, corners_42 in sorted(corners.items())),
        )
        for one in results
    ]


def average_instance(results: Sequence[ImageDetections], training: Sequence[ImageRecord]) -> list[ImageDetections]:
    """Each class of the training labels once, as an instance of average place and size, as sure as the class is
    frequent."""
    corners = average_borders(training)
    masked = "mask" in kinds(results)
    shares = {
        label: sum(any(each.label == label for each in record.annotations) for record in training) / len(training)
        for label in corners
    }
    return [
        replace(
            one,
            prediction=tuple(
                replace(instance, mask=_mask(instance, one) if masked else None, score=shares[label])
                for label, corners_42 in sorted(corners.items())
                for instance in [_instance(label, corners_42, one)]
            ),
        )
        for one in results
    ]


def prior_mask(training: Sequence[Labels], classes: int) -> Labels:
    """[g, g]: 0 nothing, or the commonest damage of the cell, in the cells where saying so gives the highest Dice
    coefficient over the training images. ``training`` are label maps [g, g]; ``classes`` counts the damages, from 1,
    and other labels (as 255) count nowhere."""
    maps_Ngg = np.stack(training)
    counts_Kgg = np.stack([(maps_Ngg == label).sum(axis=0) for label in range(1, classes + 1)])
    share_gg = counts_Kgg.sum(axis=0) / len(training)
    order_N = np.argsort(-share_gg, axis=None, kind="stable")
    hit_N = np.cumsum(share_gg.ravel()[order_N])
    dice_N = 2 * hit_N / (np.arange(1, len(order_N) + 1) + hit_N[-1])
    covered = int(dice_N.argmax()) + 1 if hit_N[-1] > 0 else 0
    answer = np.zeros(share_gg.size, dtype=np.uint8)
    commonest = counts_Kgg.argmax(axis=0).ravel() + 1
    answer[order_N[:covered]] = commonest[order_N[:covered]]
    return answer.reshape(share_gg.shape)


def _instance(label: int, corners_42: Points, image: ImageDetections) -> Instance:
    (left, top), (right, bottom) = (edge(corners_42, axis=0) * (image.width, image.height) for edge in (np.min, np.max))
    return Instance(label=label, box_xywh=(float(left), float(top), float(right - left), float(bottom - top)))


def _mask(instance: Instance, image: ImageDetections) -> RunLengths:
    (encoded,) = coco_mask.frPyObjects(np.array([instance.box_xywh]), image.height, image.width)
    answer: RunLengths = encoded
    return answer
