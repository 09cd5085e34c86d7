"""Signatures by task: the words a grading engine needs to feed a model and to read it.

Every model takes one picture and answers for one: no output has a dimension for the batch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType

from services.exporter.release import Signature, Tensor

# What training's metrics count as found, as inside and as there.
DECIDED_AT = 0.5

IMAGE = Tensor(
    name="image",
    dtype="float32",
    shape=("3", "height", "width"),
    meaning="one upright RGB picture, channels first, from 0 (black) to 1, of any size: the model resizes",
)

_FOUND = (
    Tensor(
        name="boxes",
        dtype="float32",
        shape=("detections", "4"),
        meaning="x1, y1, x2, y2 in pixels of the input image, from its upper left corner",
    ),
    Tensor(
        name="labels",
        dtype="int64",
        shape=("detections",),
        meaning="class of each instance, from 1: label n is the n-th class name",
    ),
    Tensor(
        name="scores",
        dtype="float32",
        shape=("detections",),
        meaning="confidence from 0 to 1, falling",
    ),
)


def box_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that finds instances with boxes."""
    return Signature(
        inputs=(IMAGE,),
        outputs=_FOUND,
        class_names=tuple(class_names),
        task="detection",
        thresholds={"scores": DECIDED_AT},
    )


def instance_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that finds instances with boxes and masks."""
    masks = Tensor(
        name="masks",
        dtype="float32",
        shape=("detections", "1", "height", "width"),
        meaning="probability from 0 to 1 that a pixel of the input image belongs to the instance",
    )
    return Signature(
        inputs=(IMAGE,),
        outputs=(*_FOUND, masks),
        class_names=tuple(class_names),
        task="instance_segmentation",
        thresholds={"scores": DECIDED_AT, "masks": DECIDED_AT},
    )


def mask_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that says of every pixel what it shows."""
    probabilities = Tensor(
        name="probabilities",
        dtype="float32",
        shape=(str(len(class_names) + 1), "height", "width"),
        meaning="probability from 0 to 1 of what each pixel of the input image shows: channel 0 is none of the "
        "classes, channel n the n-th class name; the channels of a pixel add up to 1",
    )
    return Signature(
        inputs=(IMAGE,),
        outputs=(probabilities,),
        class_names=tuple(class_names),
        task="semantic_segmentation",
    )


def grade_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that grades a picture on an ordered scale."""
    probabilities = Tensor(
        name="probabilities",
        dtype="float32",
        shape=(str(len(class_names)),),
        meaning="probability from 0 to 1 of each grade, in the order of the class names",
    )
    grade_index = Tensor(
        name="grade_index",
        dtype="int64",
        shape=(),
        meaning="the grade: index of its class name, from 0",
    )
    return Signature(
        inputs=(IMAGE,),
        outputs=(probabilities, grade_index),
        class_names=tuple(class_names),
        task="ordinal_classification",
    )


def score_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that measures a picture."""
    scores = Tensor(
        name="scores",
        dtype="float32",
        shape=(str(len(class_names)),),
        meaning="each score in the unit of the dataset, in the order of the class names",
    )
    return Signature(
        inputs=(IMAGE,),
        outputs=(scores,),
        class_names=tuple(class_names),
        task="regression",
    )


def label_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that says which of several things a picture shows, none, one or many."""
    probabilities = Tensor(
        name="probabilities",
        dtype="float32",
        shape=(str(len(class_names)),),
        meaning="probability from 0 to 1 that the picture shows each class, in the order of the class names, each on "
        "its own: they need not add up to 1",
    )
    return Signature(
        inputs=(IMAGE,),
        outputs=(probabilities,),
        class_names=tuple(class_names),
        task="multilabel_classification",
        thresholds={"probabilities": DECIDED_AT},
    )


SIGNATURES: Mapping[str, Callable[[Sequence[str]], Signature]] = MappingProxyType(
    {
        "instance_segmentation": instance_signature,
        "detection": box_signature,
        "semantic_segmentation": mask_signature,
        "ordinal_classification": grade_signature,
        "regression": score_signature,
        "multilabel_classification": label_signature,
    }
)


def description(signature: Signature) -> dict[str, str]:
    """The signature as texts for a model file's own metadata, so that the file alone can be used."""
    return {
        "task": signature.task,
        "class_names": json.dumps(list(signature.class_names)),
        "thresholds": json.dumps(dict(signature.thresholds), sort_keys=True),
        "inputs": json.dumps([asdict(tensor) for tensor in signature.inputs]),
        "outputs": json.dumps([asdict(tensor) for tensor in signature.outputs]),
    }
