"""A set without what the option learns from is refused, for every option of the catalog, and so is a run on it."""

from dataclasses import replace

import pytest
from truscore.catalog import rows
from truscore.datasets import RLE, Annotation, DatasetIndex, ImageRecord
from truscore.datasets.index.targets import TARGETS
from truscore.validation.policy.expectations import expectation_of
from truscore.validation.rule_context import RuleContext
from truscore.validation.rules.coverage import no_targets

from services.trainer.worker.labelled import lacks_targets

BOX = Annotation(label=1, box_xywh=(1, 1, 3, 3))
MASK = Annotation(label=1, box_xywh=(1, 1, 3, 3), rle=RLE(height=8, width=8, counts=(9, 3, 52)))
WITH = {
    "boxes": {"annotations": (BOX,)},
    "masks": {"annotations": (MASK,)},
    "grade": {"labels": (1,)},
    "labels": {"labels": (1, 2)},
    "scores": {"scores": (("centring", 0.5),)},
}
# What is one of these is the other, too: an outline has a box, and one grade is a label.
ALSO = {"boxes": {"masks"}, "labels": {"grade"}}
LEARNT = [row for row in rows() if row.available and row.learns_from and row.category != "experimental"]


def records(count: int, target: str, *, bare: int = 0) -> tuple[ImageRecord, ...]:
    plain = [
        ImageRecord(path=f"{number}.png", sha256=str(number), size_bytes=1, width=8, height=8, labels=())
        for number in range(count + bare)
    ]
    return tuple(replace(image, **(WITH[target] if place < count else {})) for place, image in enumerate(plain))


def found(category: str, option: str, images: tuple[ImageRecord, ...], grades: tuple[float, ...] = (8, 9)) -> list[str]:
    index = DatasetIndex(format="coco", class_names=("psa8", "psa9"), images=images, grades=grades)
    context = RuleContext(index=index, expectation=expectation_of(category, option))
    return [occurrence.message for occurrence in no_targets(context)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("row", LEARNT, ids=lambda row: f"{row.option}-{row.architecture}")
def test_a_set_is_refused_that_lacks_what_the_option_learns(row: object, target: str) -> None:
    learnt = row.learns_from
    sound = target == learnt or target in ALSO.get(learnt, set())
    messages = found(row.category, row.option, records(6, target))
    assert bool(messages) is not sound
    assert all(TARGETS[learnt] in message and TARGETS[target] in message for message in messages)
    assert bool(lacks_targets(records(6, target), row.task)) is not sound


@pytest.mark.parametrize("row", LEARNT, ids=lambda row: f"{row.option}-{row.architecture}")
def test_one_image_that_has_it_is_too_few_for_two_parts(row: object) -> None:
    (message,) = found(row.category, row.option, records(1, row.learns_from, bare=9))
    assert "1 of 10" in message
    grouped = tuple(replace(image, group="one card") for image in records(4, row.learns_from))
    assert found(row.category, row.option, grouped)


def test_classes_that_are_no_grades_are_refused_where_grades_are_learnt() -> None:
    (message,) = found("corner_analysis", "quality_classification", records(6, "grade"), grades=())
    assert "psa8, psa9 are no grades" in message
