"""Class balance: is there enough of every class to learn and to measure?"""

from collections import Counter
from collections.abc import Iterator

from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext


def class_counts(context: RuleContext) -> dict[int, int]:
    """Instances of each class, or where labels are of whole images their number; taken once."""
    return context.once(_class_counts)


def _class_counts(context: RuleContext) -> dict[int, int]:
    """Examples by label from 1, classes without any included: instances, or images where the class is the image's."""
    counts = Counter(placed.annotation.label for placed in context.instances())
    whole = Counter(label for image in context.index.images for label in image.labels or ())
    return {label: counts[label] or whole[label] for label in range(1, len(context.index.class_names) + 1)}


def too_few_images(context: RuleContext) -> Iterator[Occurrence]:
    """Too few images to divide."""
    count, least = len(context.index.images), context.policy.least_images
    if count < least and not context.is_photometric:  # what counts there is how many lights an object has
        yield Occurrence(message=f"{count} images: at least {least} are needed to train and validate")


def few_images(context: RuleContext) -> Iterator[Occurrence]:
    """Few images to learn from."""
    count, policy = len(context.index.images), context.policy
    if policy.least_images <= count < policy.few_images and not context.is_photometric:
        yield Occurrence(message=f"{count} images: fewer than {policy.few_images} rarely generalise")


def unused_classes(context: RuleContext) -> Iterator[Occurrence]:
    """Classes that were named and never drawn."""
    for label, count in class_counts(context).items():
        if count == 0:
            yield Occurrence(message=f"class {context.class_name(label)!r} (label {label}) has no instance")


def rare_classes(context: RuleContext) -> Iterator[Occurrence]:
    """Classes with too few instances to learn."""
    least = context.policy.rare_class_instances
    for label, count in class_counts(context).items():
        if 0 < count < least:
            message = f"class {context.class_name(label)!r} has {count} instances: fewer than {least}"
            yield Occurrence(message=message)


def imbalance(context: RuleContext) -> Iterator[Occurrence]:
    """One class drowns another."""
    counts = {label: count for label, count in class_counts(context).items() if count}
    if len(counts) < 2:
        return
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[most] / counts[least]
    if ratio > context.policy.imbalance_ratio:
        yield Occurrence(
            message=f"class {context.class_name(most)!r} has {counts[most]} instances, {context.class_name(least)!r} "
            f"{counts[least]}: {ratio:.0f} to 1, balanced is up to {context.policy.imbalance_ratio:g} to 1"
        )


def class_in_one_group(context: RuleContext) -> Iterator[Occurrence]:
    """Classes that one image, or one group of copies, holds alone."""
    homes: dict[int, set[str]] = {}
    for image in context.index.images:
        labels = {mark.label for mark in image.annotations if not mark.crowd}
        for label in labels.union(image.labels or ()):
            if len(found := homes.setdefault(label, set())) < 2:  # more than one is all that is asked
                found.add(image.group or image.path)
    if len(context.index.images) < context.policy.least_images:
        return
    for label, groups in sorted(homes.items()):
        if len(groups) == 1:
            name = context.class_name(label)
            message = f"class {name!r} is seen in one image or group only: it cannot be both learnt and measured"
            yield Occurrence(message=message, location=next(iter(groups)))


RULES = (
    Rule(
        id="balance.too_few_images",
        family=Family.BALANCE,
        severity=Severity.ERROR,
        finds="sets with fewer images than training and validation need",
        why="there is nothing to validate on",
        mend="add images",
        check=too_few_images,
    ),
    Rule(
        id="balance.few_images",
        family=Family.BALANCE,
        severity=Severity.WARNING,
        finds="small sets",
        why="a model of few images rarely generalises, and its validation figures are coarse",
        mend="add images",
        check=few_images,
    ),
    Rule(
        id="balance.rare_class",
        family=Family.BALANCE,
        severity=Severity.WARNING,
        finds="classes with few instances",
        why="they are neither learnt nor measured well",
        mend="add images of the class, or merge it with another",
        check=rare_classes,
    ),
    Rule(
        id="balance.imbalance",
        family=Family.BALANCE,
        severity=Severity.WARNING,
        finds="sets in which one class has many times the instances of another",
        why="the frequent class drowns the rare one",
        mend="add images of the rare class, or train with the focal loss",
        check=imbalance,
    ),
    Rule(
        id="balance.class_in_one_group",
        family=Family.BALANCE,
        severity=Severity.WARNING,
        finds="classes that a single image or group of copies holds",
        why="they end up in training or in validation, never in both",
        mend="add images of the class",
        check=class_in_one_group,
    ),
)
