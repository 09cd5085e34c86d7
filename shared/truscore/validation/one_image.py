"""What can be said of one image before its dataset is whole: the catalogue's rules that look at no other image."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from truscore.datasets import DatasetIndex, ImageRecord
from truscore.validation.catalogue import BY_ID
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.policy.expectations import Expectation
from truscore.validation.policy.policy import Policy
from truscore.validation.rule import Finding, finding, truncated
from truscore.validation.rule_context import RuleContext
from truscore.validation.scopes import OF_BEST_VIEW, SCOPES, Scope
from truscore.validation.verdict import with_policy_severities

_PATH = "image"  # stands for the image's own, which may be long: locations are bounded texts


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFinding:
    """A finding, and which annotation it is about: its `source_id`; empty for the image as a whole."""

    finding: Finding
    shape: str


def image_findings(
    image: ImageRecord,
    *,
    class_names: tuple[str, ...],
    expectation: Expectation,
    policy: Policy,
    stats: ImageStats | None = None,
    touched: Collection[str] | None = None,
) -> tuple[ImageFinding, ...]:
    """What the rules find on an image whose annotations have each a `source_id` of their own, errors first.

    With `touched`, findings about those annotations alone: the same as without, at the cost of a few shapes instead of
    all. Rules of the pixels are run where there are `stats`. At most `policy.findings_per_rule` of a rule.
    """
    image = replace(image, path=_PATH)
    context = _context(image, class_names, expectation, policy, stats)
    few = context
    if touched is not None:
        kept = tuple(mark for mark in image.annotations if mark.source_id in touched)
        few = _context(replace(image, annotations=kept), class_names, expectation, policy, None)
    found = [*_found(few, Scope.SHAPE, image), *_found(context, Scope.IMAGE, image)]
    if touched is not None:
        found = [each for each in found if _shape_of(each) in touched]
    elif stats is not None:
        found += _found(context, Scope.PICTURE, image)
    weighed = truncated(list(with_policy_severities(found, policy)), per_rule=policy.findings_per_rule)
    return tuple(ImageFinding(finding=each, shape=_shape_of(each)) for each in weighed)


def _context(
    image: ImageRecord,
    class_names: tuple[str, ...],
    expectation: Expectation,
    policy: Policy,
    stats: ImageStats | None,
) -> RuleContext:
    index = DatasetIndex(format="", class_names=class_names, images=(image,))
    measured = {} if stats is None else {image.path: stats}
    return RuleContext(index=index, expectation=expectation, policy=policy, image_stats=measured)


def _found(context: RuleContext, scope: Scope, image: ImageRecord) -> Iterator[Finding]:
    for rule in _rules(scope, image):
        check = BY_ID[rule].check
        assert check is not None
        for occurrence in check(context):
            yield finding(BY_ID[rule], occurrence.message, location=occurrence.location)


def _rules(scope: Scope, image: ImageRecord) -> Iterable[str]:
    return (
        rule for rule, own in SCOPES.items() if own is scope and not (image.light is not None and rule in OF_BEST_VIEW)
    )


def _shape_of(found: Finding) -> str:
    return found.location.removeprefix(_PATH).removeprefix("#")
