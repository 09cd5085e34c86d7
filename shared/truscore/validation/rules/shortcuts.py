"""Shortcuts: can the label be told from something that is not the subject?

Geirhos et al. 2020, "Shortcut learning in deep neural networks"; Torralba and Efros 2011, "Unbiased look at dataset
bias", name the data set by a simple classifier, as is done here with the label. N: images.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from truscore.datasets import ImageRecord
from truscore.validation.measures.permutation_test import Guess, binned, guess, sampled
from truscore.validation.measures.pixels import Pixels
from truscore.validation.measures.thumbnails import SKETCH_PX, values_of
from truscore.validation.rule import Family, Rule, Severity, Sighting
from truscore.validation.subject import Subject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_OF_CLASS = 5
_RIM = 2  # cells of the sketch that count as its rim
_BETTER = 0.1  # by how much the rim must tell the label better than the middle

Property = Callable[[ImageRecord, Pixels], float]

PROPERTIES: Mapping[str, Property] = {
    "brightness": lambda _, pixels: pixels.mean,
    "contrast": lambda _, pixels: pixels.spread,
    "sharpness": lambda _, pixels: pixels.sharpness,
    "share of black": lambda _, pixels: pixels.dark_share,
    "share of white": lambda _, pixels: pixels.bright_share,
    "colourfulness": lambda _, pixels: pixels.colour,
    "warmth of the light": lambda _, pixels: pixels.warmth,
    "compression damage": lambda _, pixels: pixels.blockiness,
    "width": lambda image, _: float(image.width),
    "height": lambda image, _: float(image.height),
    "shape": lambda image, _: image.width / max(image.height, 1),
    "file size": lambda image, _: float(image.size_bytes),
    "bytes per pixel": lambda image, _: image.size_bytes / max(image.width * image.height, 1),
    "pixel mode": lambda image, _: float(sum(map(ord, image.mode))),
    "file format": lambda image, _: float(sum(map(ord, image.file_format))),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Labelled:
    """An image with the one class it has."""

    image: ImageRecord
    pixels: Pixels
    label: int


def _labelled(subject: Subject) -> list[_Labelled]:
    """Images of one class each, where labels are of whole images; classes with too few are left out."""
    if not any(image.labels for image in subject.index.images):
        return []
    found = [
        _Labelled(image=image, pixels=subject.pixels[image.path], label=next(iter(image.classes)))
        for image in subject.index.images
        if len(image.classes) == 1 and image.path in subject.pixels
    ]
    counts = Counter(one.label for one in found)
    kept = [one for one in found if counts[one.label] >= LEAST_OF_CLASS]
    enough = len(kept) >= subject.policy.shortcut_images and len({one.label for one in kept}) > 1
    return kept if enough else []


def _guessed(
    examples: list[_Labelled], features: "Callable[[list[_Labelled]], NDArray[np.float64]]", *, skill: float
) -> Guess:
    import numpy as np

    chosen = [examples[at] for at in sampled(np.array([one.label for one in examples]))]
    labels_N = np.array([one.label for one in chosen])
    groups = [one.image.group or one.image.sha256 for one in chosen]
    return guess(features(chosen), labels_N, groups, worth_shuffling=skill)


def telling_properties(subject: Subject) -> Iterator[Sighting]:
    """Properties of files and light from which the label can be told."""
    import numpy as np

    policy, examples = subject.policy, _labelled(subject)

    def column(chosen: list[_Labelled], measure: Property) -> "NDArray[np.float64]":
        return binned(np.array([measure(one.image, one.pixels) for one in chosen]))

    for name, measure in PROPERTIES.items() if examples else ():
        if len({measure(one.image, one.pixels) for one in examples}) < 2:
            continue
        found = _guessed(examples, partial(column, measure=measure), skill=policy.shortcut_skill)
        if found.skill >= policy.shortcut_skill and found.chance <= policy.shortcut_chance:
            yield Sighting(message=f"{name} alone tells the class {_words(found)}")


def _words(found: Guess) -> str:
    return (
        f"of images left out with {found.accuracy:.0%} balanced accuracy, {found.skill:.0%} of the way from guessing "
        f"to certainty (by accident with a chance of at most {found.chance:.3f})"
    )


def telling_rims(subject: Subject) -> Iterator[Sighting]:
    """Sets whose label can be told from the rim of the image, better than from its middle."""
    policy = subject.policy
    examples = [one for one in _labelled(subject) if one.pixels.sketch]
    if not examples:
        return
    middle = _guessed(examples, partial(_region, region=(slice(4, -4), slice(4, -4))), skill=1.0)
    rims = {
        "upper": (slice(None, _RIM), slice(None)),
        "lower": (slice(-_RIM, None), slice(None)),
        "left": (slice(None), slice(None, _RIM)),
        "right": (slice(None), slice(-_RIM, None)),
    }
    for name, region in rims.items():
        found = _guessed(examples, partial(_region, region=region), skill=policy.shortcut_skill)
        if (
            found.skill >= policy.shortcut_skill
            and found.skill > middle.skill + _BETTER
            and found.chance <= policy.shortcut_chance
        ):
            inner = f"the middle with {middle.accuracy:.0%}"
            yield Sighting(message=f"the {name} rim tells the class {_words(found)}; {inner}")


def _region(chosen: list[_Labelled], region: tuple[slice, slice]) -> "NDArray[np.float64]":
    import numpy as np

    sketches = np.stack([values_of(one.pixels.sketch) for one in chosen]).reshape(-1, SKETCH_PX, SKETCH_PX)
    return sketches[:, region[0], region[1]].reshape(len(chosen), -1).astype(np.float64)


def printed_labels(subject: Subject) -> Iterator[Sighting]:
    """Sets in which a slab's printed label is seen, and tells the class."""
    policy, every = subject.policy, _labelled(subject)
    examples = [one for one in every if one.pixels.label]
    counts = Counter(one.label for one in examples)
    examples = [one for one in examples if counts[one.label] >= LEAST_OF_CLASS]
    if 2 * len(examples) < len(every) or len({one.label for one in examples}) < 2:
        return
    found = _guessed(examples, _prints, skill=policy.print_skill)
    if found.skill >= policy.print_skill and found.chance <= policy.shortcut_chance:
        share = len(examples) / len(every)
        yield Sighting(
            message=f"a red-lined label as grading companies print it is seen on {share:.0%} of the images, and the "
            f"half of it where the grade stands tells the class {_words(found)}",
            location=examples[0].image.path,
        )


def _prints(chosen: list[_Labelled]) -> "NDArray[np.float64]":
    import numpy as np

    prints_NF = np.stack([values_of(one.pixels.label) for one in chosen]).astype(np.float64)
    prints_NF -= prints_NF.mean(axis=1, keepdims=True)
    scaled: NDArray[np.float64] = prints_NF / (prints_NF.std(axis=1, keepdims=True) + 1e-6)
    return scaled


_WHY = "the network learns that instead of the subject, and fails where it is not to be seen"

RULES = (
    Rule(
        id="shortcut.property",
        family=Family.SHORTCUT,
        severity=Severity.WARNING,
        finds="a property of file or light, such as brightness or size, that tells the class of an image",
        why=_WHY,
        mend="photograph all classes alike, or export them alike; else even the property out",
        check=telling_properties,
    ),
    Rule(
        id="shortcut.rim",
        family=Family.SHORTCUT,
        severity=Severity.WARNING,
        finds="sets whose class can be told from the rim of the image better than from its middle",
        why=_WHY,
        mend="crop the images to the subject, or photograph all classes on the same ground",
        check=telling_rims,
    ),
    Rule(
        id="shortcut.printed_label",
        family=Family.SHORTCUT,
        severity=Severity.WARNING,
        finds="sets in which a grading company's printed label is seen and tells the grade",
        why="the network learns to read the grade instead of grading the card",
        mend="crop the images to the card, or cover the label",
        check=printed_labels,
    ),
)
