"""Average precision: the fast library against the one it replaces, and what it makes of the edges."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from truscore.metrics.detection import (
    ImageDetections,
    Instance,
    ap_by_class,
    ap_by_size,
    class_agnostic_metrics,
    coco_metrics,
    precision_curves,
    run_lengths,
    without_masks,
)
from truscore.metrics.matching import detection_diagnostics, match
from truscore.metrics.object_sizes import size_limits_px

CLASS_NAMES = ("outer", "inner", "never")


def box_instance(label: int, box: tuple[float, float, float, float], score: float = 1.0, **more: Any) -> Instance:
    mask_HW = np.zeros((60, 80), dtype=np.bool_)
    x, y, width, height = (round(value) for value in box)
    mask_HW[max(y, 0) : y + height, max(x, 0) : x + width] = True
    return Instance(label=label, box_xywh=box, mask=run_lengths(mask_HW), score=score, **more)


def random_images(seed: int) -> list[ImageDetections]:
    """Ten images; most real instances are found, shifted a little, between false ones."""
    rng = np.random.default_rng(seed)

    def box() -> tuple[float, float, float, float]:
        x, y = rng.uniform(0, 50), rng.uniform(0, 35)
        return float(x), float(y), float(rng.uniform(4, 80 - x)), float(rng.uniform(4, 60 - y))

    def shifted(target: Instance) -> Instance:
        x, y, width, height = (float(value + rng.normal(0, 1.5)) for value in target.box_xywh)
        moved = (max(x, 0.0), max(y, 0.0), max(width, 1.0), max(height, 1.0))
        return box_instance(target.label, moved, score=float(rng.uniform()))

    evaluated = []
    for image in range(10):
        target = [box_instance(int(rng.integers(1, 3)), box(), crowd=bool(rng.random() < 0.1)) for _ in range(4)]
        predicted = [shifted(one) for one in target if rng.random() < 0.8]
        predicted += [box_instance(int(rng.integers(1, 3)), box(), score=float(rng.uniform())) for _ in range(3)]
        evaluated.append(
            ImageDetections(image=image, height=60, width=80, target=tuple(target), prediction=tuple(predicted))
        )
    return evaluated


def pycocotools_precision(
    evaluated: list[ImageDetections], kind: str, limits_px: tuple[float, float]
) -> NDArray[np.float64]:
    """[T, R, K, A] of all, small, medium and large instances, whose areas end and begin at the limits."""
    annotations = [
        {
            "id": number, "image_id": image.image, "category_id": target.label, "bbox": list(target.box_xywh),
            "segmentation": dict(target.mask or {}), "iscrowd": int(target.crowd),
            "area": target.box_xywh[2] * target.box_xywh[3] if kind == "box" else float(coco_mask.area(target.mask)),
        }
        for number, (image, target) in enumerate(((i, r) for i in evaluated for r in i.target), start=1)
    ]  # fmt: skip
    predicted = [
        {"image_id": image.image, "category_id": one.label, "score": one.score}
        | ({"bbox": list(one.box_xywh)} if kind == "box" else {"segmentation": dict(one.mask or {})})
        for image in evaluated
        for one in image.prediction
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": image.image, "height": image.height, "width": image.width} for image in evaluated],
            "categories": [{"id": label, "name": name} for label, name in enumerate(CLASS_NAMES, start=1)],
            "annotations": annotations,
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(predicted), {"box": "bbox", "mask": "segm"}[kind])
        small, medium = limits_px
        evaluation.params.areaRng = [[0, 1e10], [0, small], [small, medium], [medium, 1e10]]
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"][..., -1])


def mean_of_known(precision: NDArray[np.float64]) -> float | None:
    return float(precision[precision > -1].mean()) if (precision > -1).any() else None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_equals_pycocotools_on_random_detections(seed: int) -> None:
    evaluated = random_images(seed)
    metrics = coco_metrics(evaluated, CLASS_NAMES)
    assert metrics.keys() == {f"{kind}_{name}" for kind in ("box", "mask") for name in ("AP", "AP50", "AP75")}
    for kind in ("box", "mask"):
        expected = pycocotools_precision(evaluated, kind, size_limits_px([60.0 * 80.0]))
        for name, part in (("AP", slice(None)), ("AP50", slice(0, 1)), ("AP75", slice(5, 6))):
            assert metrics[f"{kind}_{name}"] == pytest.approx(mean_of_known(expected[part][..., 0]), abs=1e-9)
        for place, row in enumerate(ap_by_class(evaluated, CLASS_NAMES, kind)):
            assert row["AP"] == pytest.approx(mean_of_known(expected[:, :, place, 0]), abs=1e-9)
        for place, row in enumerate(ap_by_size(evaluated, CLASS_NAMES, kind), start=1):
            assert row["AP"] == pytest.approx(mean_of_known(expected[..., place]), abs=1e-9)


def test_everything_found_exactly_is_one() -> None:
    target = (box_instance(1, (5, 5, 40, 30)), box_instance(2, (10, 8, 20, 20)))
    evaluated = [ImageDetections(image=0, height=60, width=80, target=target, prediction=target)]
    assert list(coco_metrics(evaluated, CLASS_NAMES).values()) == pytest.approx([1.0] * 6)
    curves = precision_curves(evaluated, CLASS_NAMES, "mask")
    assert [(curve.class_name, curve.average_precision) for curve in curves] == [("outer", 1.0), ("inner", 1.0)]
    assert all(len(curve.precision) == 101 for curve in curves)


def test_nothing_found_is_nought() -> None:
    evaluated = [
        ImageDetections(image=0, height=60, width=80, target=(box_instance(1, (5, 5, 40, 30)),), prediction=())
    ]
    assert set(coco_metrics(evaluated, CLASS_NAMES).values()) == {0.0}
    assert [curve.class_name for curve in precision_curves(evaluated, CLASS_NAMES, "box")] == ["outer"]


def test_where_nothing_is_there_there_is_nothing_to_measure() -> None:
    predicted = (box_instance(1, (5, 5, 40, 30), score=0.9),)
    assert (
        coco_metrics([ImageDetections(image=0, height=60, width=80, target=(), prediction=predicted)], CLASS_NAMES)
        == {}
    )


def test_finding_the_right_box_with_the_wrong_class_counts_nothing() -> None:
    target, predicted = (box_instance(1, (5, 5, 40, 30)),), (box_instance(2, (5, 5, 40, 30)),)
    assert (
        coco_metrics([ImageDetections(image=0, height=60, width=80, target=target, prediction=predicted)], CLASS_NAMES)[
            "box_AP"
        ]
        == 0
    )


def test_without_classes_the_right_box_of_the_wrong_class_counts_in_full() -> None:
    target, predicted = (box_instance(1, (5, 5, 40, 30)),), (box_instance(2, (5, 5, 40, 30)),)
    images = [ImageDetections(image=0, height=60, width=80, target=target, prediction=predicted)]
    assert class_agnostic_metrics(images, CLASS_NAMES)["class_agnostic_box_AP"] == 1
    assert class_agnostic_metrics(images, CLASS_NAMES[:1]) == {}


def test_boxes_without_masks_are_evaluated_as_boxes() -> None:
    evaluated = random_images(3)
    metrics = coco_metrics([without_masks(image) for image in evaluated], CLASS_NAMES)
    assert metrics == {name: value for name, value in coco_metrics(evaluated, CLASS_NAMES).items() if "box" in name}
    diagnostics = detection_diagnostics([without_masks(image) for image in evaluated], CLASS_NAMES)
    assert diagnostics.error_name == "1 less the panoptic quality of boxes"


def test_nothing_found_is_nought_of_every_size_that_is_there() -> None:
    evaluated = [
        ImageDetections(image=0, height=60, width=80, target=(box_instance(1, (5, 5, 40, 30)),), prediction=())
    ]
    assert [row["AP"] for row in ap_by_size(evaluated, CLASS_NAMES, "box")] == [None, None, 0.0]
    assert [row["AP"] for row in ap_by_class(evaluated, CLASS_NAMES, "box")] == [0.0, None, None]


def test_an_outer_border_taken_for_the_inner_one_stands_in_the_matrix_as_that() -> None:
    target = (box_instance(1, (5, 5, 40, 30)), box_instance(2, (60, 40, 15, 15)))
    predicted = (
        box_instance(2, (5, 5, 40, 30), 0.9),
        box_instance(1, (0, 50, 8, 8), 0.8),
        box_instance(2, (6, 6, 9, 9), 0.4),
    )
    evaluated = [ImageDetections(image=0, height=60, width=80, target=target, prediction=predicted)]
    diagnostics = detection_diagnostics(evaluated, CLASS_NAMES)
    assert diagnostics.matrices[0].counts == ((0, 1, 0, 0), (0, 0, 0, 1), (0, 0, 0, 0), (1, 0, 0, 0))
    assert diagnostics.image_errors[0].error == 1.0
    assert diagnostics.image_errors[0].text == "0 of 2 found, 1 taken for another class, 1 where nothing is"


def test_what_is_found_on_a_crowd_is_neither_right_nor_wrong() -> None:
    crowd = box_instance(1, (0, 0, 40, 40), crowd=True)
    evaluated = ImageDetections(
        image=0, height=60, width=80, target=(crowd,), prediction=(box_instance(1, (5, 5, 9, 9), 0.9),)
    )
    matched = match(evaluated, "box")
    assert (matched.pairs, matched.missed, matched.false, matched.quality) == ((), (), (), 1.0)


def test_the_surest_find_has_the_first_choice() -> None:
    target = (box_instance(1, (0, 0, 20, 20)),)
    predicted = (box_instance(1, (0, 0, 20, 20), 0.6), box_instance(1, (0, 0, 20, 19), 0.9))
    matched = match(ImageDetections(image=0, height=60, width=80, target=target, prediction=predicted), "box")
    assert [pair.prediction.score for pair in matched.pairs] == [0.9]
    assert [one.score for one in matched.false] == [0.6]


def test_nested_borders_are_matched_within_their_class_before_any_other() -> None:
    target = (box_instance(1, (0, 0, 40, 50)), box_instance(2, (3, 3, 34, 44)))
    outer_too_small = (box_instance(1, (3, 3, 35, 45), 0.9), box_instance(2, (4, 4, 32, 42), 0.8))
    matched = match(ImageDetections(image=0, height=60, width=80, target=target, prediction=outer_too_small), "box")
    assert [(pair.target.label, pair.prediction.label) for pair in matched.pairs] == [(1, 1), (2, 2)]
