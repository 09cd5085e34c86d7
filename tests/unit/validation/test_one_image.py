"""What is said of one image alone is what the whole dataset's rules say of it, and of some of its shapes likewise."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets import RLE, Annotation, DatasetIndex, ImageRecord
from truscore.validation.catalogue import BY_ID
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.one_image import SCOPES, Scope, image_findings
from truscore.validation.policy.expectations import expectation_of
from truscore.validation.policy.policy import Policy
from truscore.validation.rule_context import RuleContext

NAMES = ("outer_border", "graphical_border", "top_left_corner")
EXPECTED = expectation_of("border_detection", "dual_class")
POLICY = Policy(findings_per_rule=10_000, crowded_image=5)
SIDE = 100

numbers = st.sampled_from([-20.0, -1.0, 0.0, 2.0, 10.0, 11.0, 50.0, 90.0, 100.0, 130.0])
boxes = st.tuples(numbers, numbers, numbers, numbers)
outlines = st.lists(numbers, min_size=6, max_size=16).map(lambda values: tuple(values[: len(values) // 2 * 2]))
masks = st.sampled_from(
    [None, RLE(height=SIDE, width=SIDE, counts=(10, 40, SIDE * SIDE - 50)), RLE(height=9, width=9, counts=(81,))]
)
marks = st.builds(
    Annotation,
    label=st.integers(1, 4),
    box_xywh=boxes,
    polygons=st.one_of(st.just(()), outlines.map(lambda outline: (outline,))),
    rle=masks,
    crowd=st.booleans(),
)
stats = st.builds(
    ImageStats,
    mean=st.sampled_from([5.0, 120.0, 250.0]),
    spread=st.sampled_from([2.0, 20.0, 180.0]),
    sharpness=st.sampled_from([0.0, 2000.0]),
    dark_share=st.just(0.0),
    bright_share=st.just(0.0),
    entropy=st.sampled_from([0.1, 8.0]),
    blockiness=st.sampled_from([1.0, 3.0]),
)


def record(number: int, drawn: list[Annotation]) -> ImageRecord:
    named = tuple(replace(mark, source_id=f"s{place}") for place, mark in enumerate(drawn))
    return ImageRecord(
        path=f"{number}.png", sha256=f"{number:064}", size_bytes=1, width=SIDE, height=SIDE, annotations=named
    )


def of_the_dataset(images: list[ImageRecord], measured: Mapping[str, ImageStats]) -> Counter[tuple[str, str, str]]:
    """Rule, message and location, as the validator's own context has them."""
    index = DatasetIndex(format="", class_names=NAMES, images=tuple(images))
    context = RuleContext(index=index, expectation=EXPECTED, policy=POLICY, image_stats=measured)
    checks = {rule: check for rule in SCOPES if (check := BY_ID[rule].check) is not None}
    return Counter(
        (rule, found.message[:400], found.location) for rule, check in checks.items() for found in check(context)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(marks, max_size=6), stats), min_size=2, max_size=3))
def test_the_image_alone_and_the_dataset_say_the_same(drawn: list[tuple[list[Annotation], ImageStats]]) -> None:
    images = [record(number, shapes) for number, (shapes, _) in enumerate(drawn)]
    measured = {image.path: seen for image, (_, seen) in zip(images, drawn, strict=True)}
    alone: Counter[tuple[str, str, str]] = Counter()
    for image in images:
        found = image_findings(
            image, class_names=NAMES, expectation=EXPECTED, policy=POLICY, stats=measured[image.path]
        )
        alone.update(
            (each.finding.rule, each.finding.message[:400], f"{image.path}#{each.shape}" if each.shape else image.path)
            for each in found
        )
    assert alone == of_the_dataset(images, measured)


@settings(max_examples=60, deadline=None)
@given(st.lists(marks, max_size=6), st.sets(st.sampled_from(["s0", "s1", "s2", "s9"])))
def test_of_touched_shapes_it_says_what_it_says_of_them_among_all(drawn: list[Annotation], touched: set[str]) -> None:
    image = record(0, drawn)
    whole = image_findings(image, class_names=NAMES, expectation=EXPECTED, policy=POLICY)
    few = image_findings(image, class_names=NAMES, expectation=EXPECTED, policy=POLICY, touched=touched)
    assert few == tuple(each for each in whole if each.shape in touched)


def test_a_policy_gives_weights_and_turns_rules_off() -> None:
    image = record(0, [Annotation(label=1, box_xywh=(0.0, 0.0, 1.0, 50.0))])
    weights = (("label.tiny_box", "error"), ("geometry.card_aspect", "off"), ("coverage.border_missing", "off"))
    found = image_findings(
        image, class_names=NAMES[:2], expectation=EXPECTED, policy=replace(POLICY, severities=weights)
    )
    assert [(each.finding.rule, each.finding.severity.value, each.shape) for each in found] == [
        ("label.tiny_box", "error", "s0")
    ]


@pytest.mark.parametrize("rule", SCOPES)
def test_every_rule_that_is_named_can_be_run(rule: str) -> None:
    assert BY_ID[rule].check is not None
    assert isinstance(SCOPES[rule], Scope)
