"""A set without what the option learns from is refused, for every option of the catalog, and so is a run on it."""

from dataclasses import replace

import pytest
from truscore.catalog import rows
from truscore.datasets import RLE, Annotation, DatasetIndex, ImageRecord
from truscore.datasets.index.records import Light, LitObject, NormalMap, ReflectanceMap
from truscore.datasets.index.targets import TARGETS
from truscore.validation.measures.target_coverage import missing_targets
from truscore.validation.policy.expectations import expectation_of
from truscore.validation.rule_context import RuleContext
from truscore.validation.rules.coverage import no_targets

from services.trainer.worker.labelled import is_labelled, lacks_targets

BOX = Annotation(label=1, box_xywh=(1, 1, 3, 3))
MASK = Annotation(label=1, box_xywh=(1, 1, 3, 3), rle=RLE(height=8, width=8, counts=(9, 3, 52)))
WITH = {
    "boxes": {"annotations": (BOX,)},
    "masks": {"annotations": (MASK,)},
    "grade": {"labels": (1,)},
    "labels": {"labels": (1, 2)},
    "scores": {"scores": (("centring", 0.5),)},
    "lights": {"light": Light(object="card", direction=(0.0, 0.0, 1.0))},
}
# What is one of these is the other, too: an outline has a box, and one grade is a label.
ALSO = {"boxes": {"masks"}, "labels": {"grade"}}
# Normals are those of objects, not of an image: their own tests stand below.
LEARNT = [row for row in rows() if row.available and row.learns_from in WITH and row.category != "experimental"]


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


@pytest.mark.parametrize("target", WITH)
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


def in_folders(images: tuple[ImageRecord, ...], *folders: str) -> tuple[ImageRecord, ...]:
    """The images in these folders in turn."""
    return tuple(replace(one, path=f"{folders[at % len(folders)]}/{one.path}") for at, one in enumerate(images))


@pytest.mark.parametrize("part", ["train", "valid"])
def test_a_part_of_the_datasets_own_split_that_has_none_of_it_is_named(part: str) -> None:
    other = {"train": "valid", "valid": "train"}[part]
    with_it, without = in_folders(records(4, "boxes"), other), in_folders(records(0, "boxes", bare=4), part)
    (message,) = found("border_detection", "single_class", (*with_it, *without))
    assert f"none of the 4 images for {'training' if part == 'train' else 'validation'}" in message
    assert f"{part}/" in message
    assert found("border_detection", "single_class", in_folders(records(8, "boxes"), "train", "valid")) == []


def test_a_stated_part_without_any_is_named_however_many_others_have_it() -> None:
    with_it, without = records(300, "boxes"), records(0, "boxes", bare=40)
    stated = (
        *(replace(image, part="train") for image in with_it),
        *(replace(image, path=f"v{image.path}", sha256=f"v{image.sha256}", part="validation") for image in without),
    )
    (message,) = found("border_detection", "single_class", stated)
    assert "none of the 40 images for validation" in message


def test_what_few_images_have_lies_in_training_and_in_validation() -> None:
    assert found("border_detection", "single_class", records(2, "boxes", bare=60)) == []


@pytest.mark.parametrize("option", ["surface_normal_estimation", "reflectance_analysis", "depth_reconstruction"])
def test_options_of_photometric_stereo_are_refused_without_lights(option: str) -> None:
    wanted = expectation_of("photometric_stereo", option).learns_from
    marked, lit = (DatasetIndex(format="coco", class_names=(), images=records(6, kind)) for kind in ("boxes", "lights"))
    assert "none of 6 images has that: there are boxes" in missing_targets(marked, wanted)
    assert missing_targets(lit, wanted) == ""


NORMALS = NormalMap(path="n.png", sha256="", width=8, height=8, expected_px=64, unit_px=64)


def lit(things: int, *, known: int) -> DatasetIndex:
    """Views of some objects, four of each; the normals of the first so many are known."""
    names = [f"card {number}" for number in range(things)]
    lights = [Light(object=name, direction=(0.0, 0.0, 1.0)) for name in names for _ in range(4)]
    images = tuple(
        replace(image, light=light, labels=None, group=f"object {light.object}")
        for image, light in zip(records(0, "lights", bare=4 * things), lights, strict=True)
    )
    objects = tuple(LitObject(name=name, normals=NORMALS if at < known else None) for at, name in enumerate(names))
    return DatasetIndex(format="multi_light", class_names=(), images=images, objects=objects)


@pytest.mark.parametrize(
    ("architecture", "known", "refused"),
    [
        ("ps_net", 0, "none of 12 images has that: there are views whose lights are known"),
        ("ps_net", 1, "4 of 12 images have that: at least 2 that may lie in different parts"),
        ("ps_net", 3, ""),
        ("neural_surface_reconstruction", 0, "none of 12 images has that: there are views whose lights are known"),
        ("", 0, ""),
    ],
)
def test_normals_are_asked_for_where_the_architecture_learns_them(architecture: str, known: int, refused: str) -> None:
    index = lit(3, known=known)
    expectation = expectation_of("photometric_stereo", "surface_normal_estimation", architecture)
    messages = [found.message for found in no_targets(RuleContext(index=index, expectation=expectation))]
    assert bool(messages) == bool(refused)
    assert all(refused in message and TARGETS["normals"] in message for message in messages)


@pytest.mark.parametrize("known", [0, 1])
def test_a_run_that_learns_normals_is_refused_where_no_object_has_them(known: int) -> None:
    index = lit(3, known=known)
    reason = lacks_targets(index.images, "normal_estimation", objects=index.objects)
    assert (TARGETS["normals"] in reason) == (not known)
    usable = [is_labelled(image, "normal_estimation", objects=index.objects) for image in index.images]
    assert sum(usable) == 4 * known


@pytest.mark.parametrize(
    ("known", "lacking", "learnt"),
    [
        (("albedo", "roughness", "f0"), "", True),
        (("albedo", "roughness"), "", False),
        ((), "", False),
        (("albedo", "roughness", "f0"), "normals", False),
    ],
)
def test_reflectance_is_learnt_of_objects_that_have_all_three_maps_and_normals(
    known: tuple[str, ...], lacking: str, learnt: bool
) -> None:
    one = ReflectanceMap(path="a.npy", sha256="", width=8, height=8, expected_px=64, possible_px=64)
    index = lit(3, known=0 if lacking else 3)
    objects = tuple(replace(each, **dict.fromkeys(known, one)) for each in index.objects)
    index = replace(index, objects=objects)
    expectation = expectation_of("photometric_stereo", "reflectance_analysis", "reflectance_net")
    messages = [found.message for found in no_targets(RuleContext(index=index, expectation=expectation))]
    assert all(TARGETS["reflectance"] in message for message in messages)
    assert bool(messages) != learnt
    assert bool(lacks_targets(index.images, "reflectance_estimation", objects=objects)) != learnt


def test_classes_that_are_no_grades_are_refused_where_grades_are_learnt() -> None:
    (message,) = found("corner_analysis", "quality_classification", records(6, "grade"), grades=())
    assert "psa8, psa9 are no grades" in message
