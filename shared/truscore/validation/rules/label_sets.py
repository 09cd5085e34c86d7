"""Label consistency between label sets over the same images: does one id mean one thing?"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations

from truscore.datasets import Annotation, ImageRecord
from truscore.datasets.shapes.geometry import iou
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext

_IMAGE_FOLDERS = {"images", "imgs", "img", "jpegimages"}


def clashing_sets(context: RuleContext) -> Iterator[Occurrence]:
    """Label sets that give one and the same place different classes, image after image."""
    clashes: Counter[tuple[str, int, str, int]] = Counter()
    shared: Counter[tuple[str, str]] = Counter()
    for one, other in _shared_images(context):
        first, second = _set_of(one), _set_of(other)
        shared[first, second] += 1
        clashes.update({(first, here, second, there) for here, there in _disagreeing(context, one, other)})
    for (first, here, second, there), count in sorted(clashes.items()):
        if count > 1 and 2 * count > shared[first, second]:
            yield Occurrence(
                message=f"what {first} calls {context.class_name(here)!r}, {second} calls "
                f"{context.class_name(there)!r}, in the same place on {count} of {shared[first, second]} shared images",
                location=second,
            )


def _shared_images(context: RuleContext) -> Iterator[tuple[ImageRecord, ImageRecord]]:
    """The same bytes in two label sets."""
    by_digest: dict[str, dict[str, ImageRecord]] = defaultdict(dict)
    for _, image in context.copies():
        by_digest[image.sha256].setdefault(_set_of(image), image)
    for sets in by_digest.values():
        yield from combinations([sets[name] for name in sorted(sets)], 2)


def _set_of(image: ImageRecord) -> str:
    return _set_in(image.path.rpartition("/")[0])


@lru_cache(maxsize=4096)
def _set_in(folder: str) -> str:
    return "/".join(name for name in folder.split("/") if name.lower() not in _IMAGE_FOLDERS) or "."


def _disagreeing(context: RuleContext, one: ImageRecord, other: ImageRecord) -> Iterator[tuple[int, int]]:
    for mark in one.annotations:
        twin = _in_place_of(mark, other)
        if twin and iou(mark.box_xywh, twin.box_xywh) >= context.policy.same_place_iou and twin.label != mark.label:
            yield mark.label, twin.label


def _in_place_of(mark: Annotation, image: ImageRecord) -> Annotation | None:
    return max(image.annotations, key=lambda other: iou(mark.box_xywh, other.box_xywh), default=None)


RULES = (
    Rule(
        id="label.class_id_clash",
        family=Family.LABELS,
        severity=Severity.ERROR,
        finds="label sets over the same images in which one class stands for different things",
        why="trained together, the network is taught that outer and inner border are the same",
        mend="give every set the same ids, or train each on its own",
        check=clashing_sets,
    ),
)
