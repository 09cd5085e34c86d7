"""Leakage: would a validation image have been seen in training? Parts are those that the dataset states: by folders,
lists or annotations."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from truscore.datasets import ImageRecord
from truscore.datasets.splitting.grouping import groups_of
from truscore.datasets.splitting.split import part_of
from truscore.validation.measures.near_duplicates import near_links, turned_links
from truscore.validation.measures.thumbnails import rotated_similarity
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext, same_object
from truscore.validation.rules.image_quality import looks_alike

PARTS = ("training", "validation", "test")


def parts_of(images: Iterable[ImageRecord]) -> dict[str, str]:
    """The stated part of each image that is in one; empty where fewer than two parts are stated."""
    found = {image.path: PARTS[part] for image in images if (part := part_of(image)) is not None}
    return found if len(set(found.values())) > 1 else {}


def named_parts(context: RuleContext) -> dict[str, str]:
    """The parts of all images; see `parts_of`."""
    return parts_of(context.index.images)


def copies_across_parts(context: RuleContext) -> Iterator[Occurrence]:
    """Byte-identical images in two parts."""
    yield from _across(context, lambda image: image.sha256, "the same file")


def groups_across_parts(context: RuleContext) -> Iterator[Occurrence]:
    """Images of one card or source in two parts."""
    yield from _across(context, lambda image: image.group, "an image of the same source")


def _across(context: RuleContext, key: Callable[[ImageRecord], str], what: str) -> Iterator[Occurrence]:
    parts = context.once(named_parts)
    first: dict[str, str] = {}
    for _, image in context.with_twins(key) if parts else ():
        if image.path not in parts or not key(image):
            continue
        other = first.setdefault(key(image), image.path)
        if parts[other] != parts[image.path]:
            message = f"{parts[image.path]} image: {what} as {other}, which is a {parts[other]} image"
            yield Occurrence(message=message, location=image.path)


def look_alikes_across_parts(context: RuleContext) -> Iterator[Occurrence]:
    """Near-duplicates in two parts."""
    images, parts = context.index.images, context.once(named_parts)
    if not parts:
        return
    hashes = (image.perceptual_hash if image.path in parts else "" for image in images)
    for one, other in near_links(hashes, bits=context.policy.near_duplicate_bits):
        first, second = images[one], images[other]
        if first.sha256 == second.sha256 or parts[first.path] == parts[second.path]:
            continue
        if looks_alike(context, first.path, second.path):
            message = f"{parts[second.path]} image looks almost the same as {first.path}, a {parts[first.path]} image"
            yield Occurrence(message=message, location=second.path)


def turned_copies(context: RuleContext) -> Iterator[Occurrence]:
    """Images that are others mirrored or turned."""
    parts = context.once(named_parts)
    for one, other in context.once(_turned):
        if not parts or parts.get(one) == parts.get(other):
            yield Occurrence(message=f"is {one} mirrored or turned", location=other)


def turned_copies_across_parts(context: RuleContext) -> Iterator[Occurrence]:
    """Images that are others of another part, mirrored or turned."""
    parts = context.once(named_parts)
    for one, other in context.once(_turned) if parts else ():
        if one in parts and other in parts and parts[one] != parts[other]:
            message = f"{parts[other]} image is {one}, a {parts[one]} image, mirrored or turned"
            yield Occurrence(message=message, location=other)


def _turned(context: RuleContext) -> Sequence[tuple[str, str]]:
    policy = context.policy
    links = turned_links(
        (stats.dihedral_hashes for _, stats in context.pictures() if stats.dihedral_hashes), bits=policy.sibling_bits
    )
    wanted = {place for link in links for place in link}
    seen = (one for one in context.pictures() if one[1].dihedral_hashes) if wanted else ()
    found = {place: one for place, one in enumerate(seen) if place in wanted}
    return [
        (found[one][0].path, found[other][0].path)
        for one, other in links
        # A ball lit from the left is the mirror image of one lit from the right.
        if not same_object(found[one][0], found[other][0])
        # Slabs and card backs are nearly symmetrical: their hashes alone take different ones for each other's mirror
        # image.
        and rotated_similarity(found[one][1].thumbnail, found[other][1].thumbnail) >= policy.sibling_likeness
    ]


def grouped_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images that come from one thing: a random split would part them."""
    images = context.index.images
    groups = [group for group in groups_of(images) if len(group) > 1 and not _is_one(images, group)]
    if not groups:
        return
    count = sum(map(len, groups))
    example = [images[place].path for place in max(groups, key=len)[:3]]
    yield Occurrence(
        message=f"{count} of {len(images)} images show the same thing as another, in {len(groups)} groups such as "
        f"{', '.join(example)}: a random split would leak; ours keeps groups together",
        location=example[0],
    )


def _is_one(images: Sequence[ImageRecord], group: Sequence[int]) -> bool:
    """Whether a group is one image, or the views of one object, which are one example."""
    return all(same_object(images[group[0]], images[place]) for place in group[1:])


def _rule(
    name: str, severity: Severity, finds: str, check: Callable[[RuleContext], Iterable[Occurrence]], mend: str
) -> Rule:
    return Rule(
        id=f"leakage.{name}",
        family=Family.LEAKAGE,
        severity=severity,
        finds=finds,
        why="what was seen in training is not a test: the figures promise what the model cannot keep",
        mend=mend,
        check=check,
    )


_MOVE = "move all images of one thing to one part, or drop the folders and let the split be made here"

RULES = (
    _rule("copy_across_parts", Severity.ERROR, "byte-identical images in two parts", copies_across_parts, _MOVE),
    _rule("look_alike_across_parts", Severity.WARNING, "near-duplicates in two parts", look_alikes_across_parts, _MOVE),
    _rule("group_across_parts", Severity.WARNING, "one card or source in two parts", groups_across_parts, _MOVE),
    _rule(
        "sibling_across_parts",
        Severity.WARNING,
        "mirrored or turned copies in two parts",
        turned_copies_across_parts,
        _MOVE,
    ),
    _rule(
        "augmented_sibling",
        Severity.WARNING,
        "images that are another one mirrored or turned",
        turned_copies,
        "remove copies that were made by augmentation: training makes its own",
    ),
    _rule(
        "grouped_images",
        Severity.WARNING,
        "images that show one thing several times, by their names or looks",
        grouped_images,
        "let the split be made here, or keep each group in one part",
    ),
)
