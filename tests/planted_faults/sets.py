"""Faults of whole sets: classes, parts, order and shortcuts, which no single image shows."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from truscore.datasets import Annotation, ImageRecord

from tests.planted_faults.marks import Fault
from tests.planted_faults.pictures import look_alike, turned_copy
from tests.planted_faults.samples import Sample, mark

GRADES = 3


def names(*given: str) -> Fault:
    def plant(sample: Sample) -> None:
        sample.names = given

    return plant


def with_marks(change: Callable[[Sample, ImageRecord], tuple[Annotation, ...]], *, share: float = 1.0) -> Fault:
    """Every image's marks changed, or those of a share of the images."""

    def plant(sample: Sample) -> None:
        chosen = sample.random.permutation(len(sample.images))[: round(share * len(sample.images))]
        for place in chosen:
            image = sample.images[place]
            sample.images[place] = replace(image, annotations=change(sample, image))

    return plant


def fewer(count: int) -> Fault:
    def plant(sample: Sample) -> None:
        sample.images = sample.images[:count]

    return plant


def _shifted(sample: Sample, image: ImageRecord) -> tuple[Annotation, ...]:
    scale = sample.random.uniform(1.5, 2.0)
    return tuple(
        replace(one, box_xywh=tuple(value * scale for value in one.box_xywh), polygons=()) for one in image.annotations
    )


def _swapped(_sample: Sample, image: ImageRecord) -> tuple[Annotation, ...]:
    return tuple(replace(one, label=3 - one.label) for one in image.annotations)


def _bare(_sample: Sample, _image: ImageRecord) -> tuple[Annotation, ...]:
    return ()


def _labelled_only(sample: Sample) -> None:
    """Classes of whole images in place of what is marked on them."""
    sample.images[:] = [replace(image, annotations=(), labels=(1,)) for image in sample.images]


def _boxes(_sample: Sample, image: ImageRecord) -> tuple[Annotation, ...]:
    return tuple(replace(one, polygons=()) for one in image.annotations)


def _crowds(_sample: Sample, image: ImageRecord) -> tuple[Annotation, ...]:
    return tuple(replace(one, crowd=one.label == 2) for one in image.annotations)


def extra(count: int) -> Fault:
    """A third class, on few images."""

    def plant(sample: Sample) -> None:
        sample.names = (*sample.names, "stamp")
        for place in sample.random.choice(len(sample.images), size=count, replace=False):
            image = sample.images[place]
            sample.images[place] = replace(image, annotations=(*image.annotations, _stamp(sample)))

    return plant


def _stamp(sample: Sample, *, around: tuple[float, float] | None = None) -> Annotation:
    x, y = around or tuple(sample.random.uniform(0, 230, size=2))
    return mark(3, (x, y, *sample.random.uniform(8, 20, size=2)))


def one_place(sample: Sample) -> None:
    sample.names = (*sample.names, "stamp")
    spot = tuple(sample.random.uniform(40, 180, size=2))
    for place, image in enumerate(sample.images):
        sample.images[place] = replace(image, annotations=(*image.annotations, _stamp(sample, around=spot)))


def drifting(sample: Sample) -> None:
    sample.names = (*sample.names, "stamp")
    turn = int(sample.random.uniform(0.3, 0.7) * len(sample.images))
    for place, image in enumerate(sample.images):
        count = int(sample.random.poisson(1 if place < turn else 6))
        sample.images[place] = replace(image, annotations=(*image.annotations, *(_stamp(sample) for _ in range(count))))


def parted(sample: Sample) -> None:
    """Three of four images in `train`, the others in `valid`."""
    sample.named(lambda place: f"{'valid' if place % 4 == 0 else 'train'}/{place:03}.jpg")


def missing_from_part(sample: Sample) -> None:
    parted(sample)
    sample.names = (*sample.names, "stamp")
    for place, image in enumerate(sample.images):
        if place % 4:
            sample.images[place] = replace(image, annotations=(*image.annotations, _stamp(sample)))


def drifting_parts(sample: Sample) -> None:
    parted(sample)
    sample.names = (*sample.names, "stamp")
    for place, image in enumerate(sample.images):
        count = 4 if place % 4 == 0 else int(place % 7 == 0)
        sample.images[place] = replace(image, annotations=(*image.annotations, *(_stamp(sample) for _ in range(count))))


def across_parts(plant: Fault) -> Fault:
    """A copy made by the fault, moved to the other part than its original."""

    def planted(sample: Sample) -> None:
        plant(sample)
        added = sample.images[-1]
        original = next(place for place, one in enumerate(sample.images) if one.path in sample.planted)
        homes = {original: "train", len(sample.images) - 1: "valid"}
        sample.planted.clear()
        sample.named(lambda place: f"{homes.get(place, 'valid' if place % 4 == 0 else 'train')}/{place:03}.jpg")
        sample.planted.update({sample.images[original].path, sample.images[-1].path})
        if not added.path:
            raise ValueError("the fault added no image")

    return planted


def same_file(sample: Sample) -> None:
    place = sample.anywhere()
    old = sample.images[place]
    sample.images.append(replace(old, path="images/again.jpg"))
    sample.measurements["images/again.jpg"] = sample.measurements[old.path]
    sample.planted.update({old.path, "images/again.jpg"})


def same_group(sample: Sample) -> None:
    place = sample.anywhere()
    sample.change(place, group="card 7")
    other = replace(sample.images[place - 1], path="images/again.jpg", sha256="0" * 64, perceptual_hash="")
    sample.images.append(replace(other, group="card 7"))
    sample.planted.add("images/again.jpg")


def disagreeing(sample: Sample) -> None:
    same_file(sample)
    sample.images[-1] = replace(sample.images[-1], annotations=sample.images[-1].annotations[:1])


def clashing(sample: Sample) -> None:
    """A second label set over the same images, in which the first class is the inner border."""
    sample.named(lambda place: f"both/images/{place:03}.jpg")
    for image in tuple(sample.images):
        inner = tuple(replace(one, label=1) for one in image.annotations if one.label == 2)
        sample.images.append(replace(image, path=image.path.replace("both", "inner"), annotations=inner))


def graded(sample: Sample) -> None:
    """Images with grades as folders have them, and no marks."""
    sample.names = tuple(f"psa{grade}" for grade in range(1, GRADES + 1))
    labels = sample.random.permutation(len(sample.images)) % GRADES + 1
    sample.images = [
        replace(image, annotations=(), labels=(int(label),)) for image, label in zip(sample.images, labels, strict=True)
    ]


def _repainted(change: Callable[[np.random.Generator, np.ndarray, int], np.ndarray]) -> Fault:
    def plant(sample: Sample) -> None:
        graded(sample)
        for place, image in enumerate(sample.images):
            (label,) = image.labels or (1,)
            painted_HWC = change(sample.random, sample.picture(place).astype(np.float64), label)
            sample.repaint(place, np.clip(painted_HWC, 0, 255).astype(np.uint8))
            sample.images[place] = replace(sample.images[place], labels=(label,))
        sample.planted.clear()

    return plant


def _lit(random: np.random.Generator, image_HWC: np.ndarray, label: int) -> np.ndarray:
    wanted = 60 + 55 * label + random.normal(0, 6)
    return image_HWC + wanted - image_HWC.mean()


def _tagged(random: np.random.Generator, image_HWC: np.ndarray, label: int) -> np.ndarray:
    """A slip of paper at the upper rim, the lighter the better the grade."""
    image_HWC[:20, 40:220] = 40 + 70 * label + random.normal(0, 8)
    return image_HWC


def _slabbed(random: np.random.Generator, image_HWC: np.ndarray, label: int) -> np.ndarray:
    """A red-lined label with as many dark strokes as the grade has."""
    x, y = random.integers(30, 60), random.integers(5, 25)
    image_HWC[y : y + 44, x : x + 150] = (200, 30, 35)
    image_HWC[y + 5 : y + 44, x + 5 : x + 145] = 235
    for stroke in range(label):
        image_HWC[y + 12 : y + 36, x + 95 + 14 * stroke : x + 101 + 14 * stroke] = 40
    return image_HWC


SETS: Mapping[str, Fault] = {
    "format.class_name_duplicate": names("border", "border"),
    "label.similar_class_names": names("Outer Border", "outer_border"),
    "label.unexpected_classes": names("fig", "date"),
    "label.unused_category": names("outer_border", "graphical_border", "never"),
    "label.frame_mismatch": with_marks(_shifted, share=0.5),
    "label.borders_swapped": with_marks(_swapped),
    "label.mostly_crowd": with_marks(_crowds),
    "label.disagreeing_duplicates": disagreeing,
    "label.class_id_clash": clashing,
    "balance.too_few_images": fewer(3),
    "balance.few_images": fewer(20),
    "balance.rare_class": extra(7),
    "balance.imbalance": extra(4),
    "balance.class_in_one_group": extra(1),
    "balance.class_missing_from_part": missing_from_part,
    "balance.part_drift": drifting_parts,
    "coverage.no_annotations": with_marks(_bare),
    "coverage.no_targets": _labelled_only,
    "coverage.mostly_unlabelled": with_marks(_bare, share=0.7),
    "coverage.mixed_shapes": with_marks(_boxes, share=0.3),
    "coverage.one_region": one_place,
    "coverage.density_drift": drifting,
    "leakage.copy_across_parts": across_parts(same_file),
    "leakage.look_alike_across_parts": across_parts(look_alike),
    "leakage.group_across_parts": across_parts(same_group),
    "leakage.sibling_across_parts": across_parts(turned_copy),
    "shortcut.property": _repainted(_lit),
    "shortcut.rim": _repainted(_tagged),
    "shortcut.printed_label": _repainted(_slabbed),
}

# Sets without a fault that the rules above could be taken in by.
HARMLESS: Mapping[str, Fault] = {"as rendered": lambda _sample: None, "in parts": parted, "graded at random": graded}
