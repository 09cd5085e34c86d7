"""Signatures by the kind of model: the words a grading engine needs to feed it and to read it."""

from collections.abc import Sequence

from services.exporter.release import Signature, Tensor

IMAGE = Tensor(
    name="image",
    dtype="float32",
    shape=("3", "height", "width"),
    meaning="one upright RGB picture, channels first, from 0 (black) to 1, of any size: the model resizes",
)


def instance_signature(class_names: Sequence[str]) -> Signature:
    """Of a model that finds instances with boxes and masks."""
    outputs = (
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
        Tensor(
            name="masks",
            dtype="float32",
            shape=("detections", "1", "height", "width"),
            meaning="probability from 0 to 1 that a pixel of the input image belongs to the instance",
        ),
    )
    return Signature(inputs=(IMAGE,), outputs=outputs, class_names=tuple(class_names))
