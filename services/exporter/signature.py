"""Signatures by task: the words a grading engine needs to feed a model and to read it.

Every model takes one picture, or the views of one object, and answers for one: no output has a dimension for the
batch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
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

_DETECTIONS = (
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


_SIDES = "its sides in order top, right, bottom, left"
LINES = (
    Tensor(
        name="corners",
        dtype="float32",
        shape=("detections", "4", "2"),
        meaning="x and y of each border's corners in pixels of the input image, clockwise from the upper left: where "
        "the lines of its sides meet",
    ),
    Tensor(
        name="line_confidence",
        dtype="float32",
        shape=("detections", "4"),
        meaning=f"confidence from 0 to 1 in each border's line, {_SIDES}; 0 where the picture shows no straight edge "
        "near it, and the side was put where the rest of the card says (its proportion, the usual margin of the "
        "training labels) or kept from the box or mask, and where the border's score is below 0.5",
    ),
    Tensor(
        name="line_deviation",
        dtype="float32",
        shape=("detections", "4"),
        meaning=f"standard deviation of where each border's line lies, in pixels of the input image, {_SIDES}",
    ),
)
CENTRING = (
    Tensor(
        name="centring",
        dtype="float32",
        shape=("2",),
        meaning="percent of the left margin of left and right, and of the upper one of top and bottom, of the surest "
        "card edge and printed border; NaN where a line that it takes was not found",
    ),
    Tensor(
        name="centring_deviation",
        dtype="float32",
        shape=("2",),
        meaning="standard deviation of the centring, in percentage points",
    ),
)


def with_lines(signature: Signature) -> Signature:
    """The same, of a model that also places each side of what it finds; two classes are the borders of a card."""
    more = LINES + CENTRING if len(signature.class_names) == 2 else LINES
    return replace(signature, outputs=signature.outputs + more)


def box_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that finds instances with boxes."""
    return Signature(
        inputs=(IMAGE,),
        outputs=_DETECTIONS,
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
        outputs=(*_DETECTIONS, masks),
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


def windowed_mask_signature(class_names: Sequence[str], *, threshold: float) -> Signature:
    """Of one that goes over the picture at its native resolution, and was given a threshold on validation images."""
    signature = mask_signature(class_names)
    (probabilities,) = signature.outputs
    meaning = (
        f"{probabilities.meaning}; the largest is the model's decision, for which the odds of damage were divided by "
        f"those of {threshold:g}, the threshold that training chose"
    )
    at_native = replace(IMAGE, meaning=IMAGE.meaning.replace("the model resizes", "the model goes over it in tiles"))
    return replace(signature, inputs=(at_native,), outputs=(replace(probabilities, meaning=meaning),))


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


# What a model of views takes; read by its engine, its evaluation and its proof alike.
VIEWS = (
    Tensor(
        name="views",
        dtype="float32",
        shape=("lights", "3", "height", "width"),
        meaning="one object under one light each, linear red, green, blue, 1 for the largest number that a file holds, "
        "each colour divided by its light's intensity; in any order, lying on each other to the pixel",
    ),
    Tensor(
        name="lights",
        dtype="float32",
        shape=("lights", "3"),
        meaning="unit vectors from the object to each light: x to the right, y UP, z to the camera",
    ),
    Tensor(
        name="black_level",
        dtype="float32",
        shape=("lights",),
        meaning="what the camera added to each view (negative: took away), in the unit of the views; 0 where nothing "
        "is known of one",
    ),
    Tensor(
        name="present",
        dtype="float32",
        shape=("lights",),
        meaning="1 for each view that is there; a view with 0 changes nothing, so that sets can be filled up",
    ),
    Tensor(
        name="mask",
        dtype="float32",
        shape=("height", "width"),
        meaning="1 where the object is, else 0; at least one pixel has 1",
    ),
)


def normals_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that turns views of an object under many lights into its normals."""
    normals = Tensor(
        name="normals",
        dtype="float32",
        shape=("3", "height", "width"),
        meaning="unit vectors of the surface in the lights' axes, x, y, z as channels; 0 outside the mask",
    )
    return Signature(inputs=VIEWS, outputs=(normals,), class_names=tuple(class_names), task="normal_estimation")


def uncalibrated_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that is told nothing of the lights, and says what they are beside the normals."""
    views, _, _, present, mask = VIEWS
    as_they_are = replace(
        views,
        meaning="one object under one light each, linear red, green, blue, 1 for the largest number that a file holds; "
        "four views or more, in any order, lying on each other to the pixel. No light's direction or intensity is "
        "asked for, and none is divided out",
    )
    found = (
        Tensor(
            name="light_directions",
            dtype="float32",
            shape=("lights", "3"),
            meaning="unit vectors from the object to each light, as the network sees them: x to the right, y UP, z to "
            "the camera; of a view that is not there it means nothing",
        ),
        Tensor(
            name="light_intensities",
            dtype="float32",
            shape=("lights",),
            meaning="how bright each light is beside the others: the mean of their logarithms is 0",
        ),
    )
    outputs = (*normals_signature(()).outputs, *found)
    return Signature(
        inputs=(as_they_are, present, mask), outputs=outputs, class_names=tuple(class_names), task="normal_estimation"
    )


PITCH = Tensor(
    name="pitch_um",
    dtype="float32",
    shape=("1",),
    meaning="micrometres from a pixel's middle to the next one's",
)


def depth_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that turns views of an object under many lights into its depth."""
    depth = Tensor(
        name="depth",
        dtype="float32",
        shape=("height", "width"),
        meaning="how far the surface lies towards the camera, in micrometres: 0 in the mean over the mask, and outside "
        "of it. How the whole is tilted follows from the lights' directions as they were measured",
    )
    return Signature(inputs=(*VIEWS, PITCH), outputs=(depth,), class_names=tuple(class_names), task="depth_estimation")


OF_CAMERAS = (
    Tensor(
        name="intrinsics",
        dtype="float32",
        shape=("cameras", "3", "3"),
        meaning="K of each camera, rows [f, s, x], [0, f, y], [0, 0, 1]; 0, 0 is the middle of the upper left pixel",
    ),
    Tensor(
        name="rotation",
        dtype="float32",
        shape=("cameras", "3", "3"),
        meaning="R of each camera, from the world to its axes: x to the right, y DOWN, z away from the camera",
    ),
    Tensor(
        name="translation",
        dtype="float32",
        shape=("cameras", "3"),
        meaning="t of each camera, in micrometres: a point p is seen at K (R p + t)",
    ),
    Tensor(
        name="depth_range",
        dtype="float32",
        shape=("2",),
        meaning="the nearest and the farthest place of the surface along z of the first camera, in micrometres",
    ),
)


def multi_view_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that turns views of one thing from several cameras, each under many lights, into its depth."""
    of_views = tuple(replace(each, shape=("cameras", *each.shape)) for each in VIEWS)
    depth = Tensor(
        name="depth",
        dtype="float32",
        shape=("height", "width"),
        meaning="how far the surface that the first camera sees lies towards it from the middle of the depth range, "
        "along its z, in micrometres; 0 outside the mask",
    )
    inputs = (*of_views, *OF_CAMERAS)
    return Signature(inputs=inputs, outputs=(depth,), class_names=tuple(class_names), task="depth_estimation")


def reflectance_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that turns views of an object under many lights into what its surface does to light."""
    of_views = "in the unit of the views: 1 is a surface that sends all of a light that it faces, once the camera's "
    of_views += "gain, which no view tells, is divided out (a sheet of known white tells it); 0 outside the mask"
    meanings = {
        "albedo": f"share of light that is scattered, mean of red, green and blue, {of_views}",
        "roughness": "roughness of the microfacets that mirror light, alpha of GGX, from 0.08 to 0.95; 0 outside the "
        "mask",
        "f0": f"share of light that is mirrored straight on, {of_views}",
        "roughness_confidence": "probability from 0 to 1 that the roughness is off by less than a factor of 1.25, "
        "where anything is mirrored; 0 outside the mask",
    }
    maps = [
        Tensor(name=name, dtype="float32", shape=("height", "width"), meaning=meaning)
        for name, meaning in meanings.items()
    ]
    normals = normals_signature(()).outputs
    return Signature(
        inputs=VIEWS, outputs=(*maps, *normals), class_names=tuple(class_names), task="reflectance_estimation"
    )


SIGNATURES: Mapping[str, Callable[[Sequence[str]], Signature]] = MappingProxyType(
    {
        "instance_segmentation": instance_signature,
        "detection": box_signature,
        "semantic_segmentation": mask_signature,
        "ordinal_classification": grade_signature,
        "regression": score_signature,
        "multilabel_classification": label_signature,
        "normal_estimation": normals_signature,
        "depth_estimation": depth_signature,
        "reflectance_estimation": reflectance_signature,
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
