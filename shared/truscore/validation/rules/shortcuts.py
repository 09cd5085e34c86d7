"""Shortcuts: can the label be predicted from something that is not the subject?

Geirhos et al. 2020, "Shortcut learning in deep neural networks"; Torralba and Efros 2011, "Unbiased look at dataset
bias", name the data set by a simple classifier, as is done here with the label. N: images.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from truscore.datasets import ImageRecord
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.measures.permutation_test import PermutationTest, permutation_test, quantile_bins, subsample
from truscore.validation.measures.thumbnails import THUMBNAIL_SIDE_PX, values_of
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_OF_CLASS = 5
_RIM = 2  # cells of the thumbnail that count as its rim
_BETTER = 0.1  # by how much the rim must predict the label better than the middle

Property = Callable[[ImageRecord, ImageStats], float]

PROPERTIES: Mapping[str, Property] = {
    "brightness": lambda _, stats: stats.mean,
    "contrast": lambda _, stats: stats.spread,
    "sharpness": lambda _, stats: stats.sharpness,
    "share of black": lambda _, stats: stats.dark_share,
    "share of white": lambda _, stats: stats.bright_share,
    "colourfulness": lambda _, stats: stats.colour,
    "warmth of the light": lambda _, stats: stats.warmth,
    "compression damage": lambda _, stats: stats.blockiness,
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
    image_stats: ImageStats
    label: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Examples:
    """Images of one class each: their places among those that were measured, and their labels."""

    places: "array[int]"
    labels: "array[int]"

    def __len__(self) -> int:
        return len(self.places)


_NONE = _Examples(places=array("I"), labels=array("q"))


def _labelled(context: RuleContext) -> _Examples:
    """Where labels are of whole images; classes with too few are left out."""
    examples = context.once(_every_labelled)
    enough = len(examples) >= context.policy.shortcut_images and len(set(examples.labels)) > 1
    return examples if enough else _NONE


def _every_labelled(context: RuleContext) -> _Examples:
    if not any(image.labels for image in context.index.images):
        return _NONE
    places, labels = array("I"), array("q")
    for place, (image, _) in enumerate(context.pictures()):
        if len(image.classes) == 1:
            places.append(place)
            labels.append(next(iter(image.classes)))
    return _of_common_classes(_Examples(places=places, labels=labels))


def _of_common_classes(examples: _Examples) -> _Examples:
    counts = Counter(examples.labels)
    kept = [at for at, label in enumerate(examples.labels) if counts[label] >= LEAST_OF_CLASS]
    return _chosen(examples, kept)


def _chosen(examples: _Examples, kept: Sequence[int]) -> _Examples:
    return _Examples(
        places=array("I", (examples.places[at] for at in kept)),
        labels=array("q", (examples.labels[at] for at in kept)),
    )


def _read(context: RuleContext, examples: _Examples) -> Iterator[_Labelled]:
    """The examples one after the other, whose places ascend."""
    if not examples:
        return
    wanted = zip(examples.places, examples.labels, strict=True)
    place, label = next(wanted, (-1, 0))
    for at, (image, stats) in enumerate(context.pictures()):
        if at == place:
            yield _Labelled(image=image, image_stats=stats, label=label)
            place, label = next(wanted, (-1, 0))


def _having(context: RuleContext, examples: _Examples, has: Callable[[ImageStats], object]) -> _Examples:
    return _chosen(examples, [at for at, one in enumerate(_read(context, examples)) if has(one.image_stats)])


def _sample(context: RuleContext, examples: _Examples) -> list[_Labelled]:
    """As many as are tested, in the order in which they are drawn."""
    import numpy as np

    drawn = [int(at) for at in subsample(np.array(examples.labels))]
    ascending = sorted(set(drawn))
    read = dict(zip(ascending, _read(context, _chosen(examples, ascending)), strict=True))
    return [read[at] for at in drawn]


def _tested(
    chosen: list[_Labelled], features: "Callable[[list[_Labelled]], NDArray[np.float64]]", *, skill: float
) -> PermutationTest:
    import numpy as np

    labels_N = np.array([one.label for one in chosen])
    groups = [one.image.group or one.image.sha256 for one in chosen]
    return permutation_test(features(chosen), labels_N, groups, min_skill=skill)


def _varying(context: RuleContext, examples: _Examples) -> set[str]:
    """Properties that are not the same for all."""
    first: dict[str, float] = {}
    varying: set[str] = set()
    for one in _read(context, examples):
        for name, measure in PROPERTIES.items():
            if name not in varying and (value := measure(one.image, one.image_stats)) != first.setdefault(name, value):
                varying.add(name)
        if len(varying) == len(PROPERTIES):
            break
    return varying


def predictive_properties(context: RuleContext) -> Iterator[Occurrence]:
    """Properties of files and light from which the label can be predicted."""
    import numpy as np

    policy, examples = context.policy, _labelled(context)
    if not examples:
        return

    def column(chosen: list[_Labelled], measure: Property) -> "NDArray[np.float64]":
        return quantile_bins(np.array([measure(one.image, one.image_stats) for one in chosen]))

    chosen, varying = _sample(context, examples), _varying(context, examples)
    for name, measure in PROPERTIES.items():
        if name not in varying:
            continue
        found = _tested(chosen, partial(column, measure=measure), skill=policy.shortcut_skill)
        if found.skill >= policy.shortcut_skill and found.p_value <= policy.shortcut_chance:
            yield Occurrence(message=f"{name} alone tells the class {_words(found)}")


def _words(found: PermutationTest) -> str:
    return (
        f"of images left out with {found.accuracy:.0%} balanced accuracy, {found.skill:.0%} of the way from guessing "
        f"to certainty (by accident with a chance of at most {found.p_value:.3f})"
    )


def predictive_rims(context: RuleContext) -> Iterator[Occurrence]:
    """Sets whose label can be predicted from the rim of the image, better than from its middle."""
    policy = context.policy
    examples = _having(context, _labelled(context), lambda stats: stats.thumbnail)
    if not examples:
        return
    chosen = _sample(context, examples)
    middle = _tested(chosen, partial(_region, region=(slice(4, -4), slice(4, -4))), skill=1.0)
    rims = {
        "upper": (slice(None, _RIM), slice(None)),
        "lower": (slice(-_RIM, None), slice(None)),
        "left": (slice(None), slice(None, _RIM)),
        "right": (slice(None), slice(-_RIM, None)),
    }
    for name, region in rims.items():
        found = _tested(chosen, partial(_region, region=region), skill=policy.shortcut_skill)
        if (
            found.skill >= policy.shortcut_skill
            and found.skill > middle.skill + _BETTER
            and found.p_value <= policy.shortcut_chance
        ):
            inner = f"the middle with {middle.accuracy:.0%}"
            yield Occurrence(message=f"the {name} rim tells the class {_words(found)}; {inner}")


def _region(chosen: list[_Labelled], region: tuple[slice, slice]) -> "NDArray[np.float64]":
    import numpy as np

    thumbnails = np.stack([values_of(one.image_stats.thumbnail) for one in chosen]).reshape(
        -1, THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX
    )
    return thumbnails[:, region[0], region[1]].reshape(len(chosen), -1).astype(np.float64)


def printed_labels(context: RuleContext) -> Iterator[Occurrence]:
    """Sets in which a slab's printed label is seen, and predicts the class."""
    policy, every = context.policy, _labelled(context)
    examples = _of_common_classes(_having(context, every, lambda stats: stats.slab_label))
    if 2 * len(examples) < len(every) or len(set(examples.labels)) < 2:
        return
    found = _tested(_sample(context, examples), _slab_labels, skill=policy.print_skill)
    if found.skill >= policy.print_skill and found.p_value <= policy.shortcut_chance:
        share = len(examples) / len(every)
        yield Occurrence(
            message=f"a red-lined label as grading companies print it is seen on {share:.0%} of the images, and the "
            f"half of it where the grade stands tells the class {_words(found)}",
            location=next(_read(context, examples)).image.path,
        )


def _slab_labels(chosen: list[_Labelled]) -> "NDArray[np.float64]":
    import numpy as np

    labels_NF = np.stack([values_of(one.image_stats.slab_label) for one in chosen]).astype(np.float64)
    labels_NF -= labels_NF.mean(axis=1, keepdims=True)
    scaled: NDArray[np.float64] = labels_NF / (labels_NF.std(axis=1, keepdims=True) + 1e-6)
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
        check=predictive_properties,
    ),
    Rule(
        id="shortcut.rim",
        family=Family.SHORTCUT,
        severity=Severity.WARNING,
        finds="sets whose class can be told from the rim of the image better than from its middle",
        why=_WHY,
        mend="crop the images to the subject, or photograph all classes on the same ground",
        check=predictive_rims,
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
