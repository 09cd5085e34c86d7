"""Trivial predictors give the values that can be worked out by hand, and a network is fit where it beats them."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from truscore.catalog import ROWS
from truscore.catalog.purpose import larger_is_better
from truscore.datasets import Annotation, ImageRecord
from truscore.metrics.average_precision import average_precision_measure
from truscore.metrics.borders import border_measure, border_metrics, measure_borders
from truscore.metrics.comparison import Comparison
from truscore.metrics.comparison.bootstrap import interval_of, resampled, resamples
from truscore.metrics.comparison.compare import Predictor, compare
from truscore.metrics.detection import ImageDetections, Instance, coco_metrics, run_lengths
from truscore.metrics.multilabel import MultilabelPrediction, multilabel_measure, multilabel_metrics
from truscore.metrics.ordinal import OrdinalPrediction, ordinal_measure, ordinal_metrics
from truscore.metrics.regression import RegressionPrediction, regression_measure, regression_metrics
from truscore.metrics.segmentation import count_pixels, segmentation_metrics, without_damage
from truscore.metrics.trivial import (
    average_border,
    average_instance,
    constant_grades,
    constant_labels,
    constant_scores,
    prior_mask,
)

GRADES = (7.0, 8.0, 9.0, 10.0)
BY_ITSELF = [[place] for place in range(8)]  # each image a group


def graded(targets: list[int], predictions: list[int]) -> list[OrdinalPrediction]:
    return [
        OrdinalPrediction(image=place, target=target, prediction=predicted, probabilities=(0.25,) * 4)
        for place, (target, predicted) in enumerate(zip(targets, predictions, strict=True))
    ]


def predictor(results: list[OrdinalPrediction]) -> Predictor:
    return Predictor(metrics=ordinal_metrics(results, GRADES), measure=ordinal_measure(results, GRADES))


def compared(results: list[OrdinalPrediction], groups: list[list[int]] = BY_ITSELF) -> Comparison:
    trivial = constant_grades(results, [0, 1, 1, 1, 2, 3, 3, 3, 3], 4)
    return compare(
        predictor(results),
        {name: predictor(each) for name, each in trivial.items()},
        purpose_metrics=("quadratic_weighted_kappa",),
        groups=groups,
    )


def test_the_middle_and_the_commonest_grade_are_those_of_the_training_images() -> None:
    results = graded([0, 1, 2, 3], [0, 0, 0, 0])
    trivial = constant_grades(results, [0, 1, 1, 1, 2, 3, 3, 3, 3], 4)
    assert [one.prediction for one in trivial["middle_grade"]] == [2] * 4
    assert [one.prediction for one in trivial["commonest_grade"]] == [3] * 4
    assert trivial["middle_grade"][0].probabilities == pytest.approx((1 / 9, 3 / 9, 1 / 9, 4 / 9))
    metrics = ordinal_metrics(trivial["middle_grade"], GRADES)
    # Grades 7, 8, 9, 10 by always 9.
    assert metrics["grade_MAE"] == (2 + 1 + 0 + 1) / 4
    assert metrics["quadratic_weighted_kappa"] == 0.0


def test_constant_scores_are_mean_and_median_of_what_is_known() -> None:
    results = [
        RegressionPrediction(image=0, target=(1.0, None), prediction=(0.0, 0.0)),
        RegressionPrediction(image=1, target=(5.0, 2.0), prediction=(0.0, 0.0)),
    ]
    trivial = constant_scores(results, [[1.0, 1.0, 7.0], [4.0]])
    assert trivial["mean_score"][0].prediction == (3.0, 4.0)
    assert trivial["median_score"][0].prediction == (1.0, 4.0)
    assert regression_metrics(trivial["mean_score"], ("a", "b"))["score_MAE"] == (2 + 2) / 2


def test_the_class_prior_finds_what_most_images_have_and_every_class_finds_all() -> None:
    results = [
        MultilabelPrediction(image=0, target=(True, False), probabilities=(0.1, 0.1)),
        MultilabelPrediction(image=1, target=(True, True), probabilities=(0.1, 0.1)),
    ]
    trivial = constant_labels(results, [(1,), (1, 2), (1,), ()], 2)
    assert trivial["class_prior"][0].probabilities == (0.75, 0.25)
    # The first class is on both images and found on both, the second on one and never found.
    assert multilabel_metrics(trivial["class_prior"])["macro_F1"] == (1 + 0) / 2
    assert multilabel_metrics(trivial["every_class"])["macro_F1"] == pytest.approx((1 + 2 / 3) / 2)


def test_the_prior_mask_covers_where_damage_mostly_is() -> None:
    corner, nothing = np.zeros((4, 4), dtype=np.uint8), np.zeros((4, 4), dtype=np.uint8)
    corner[0, 0] = 2
    stray = corner.copy()
    stray[3, 3], stray[3, 0] = 1, 255
    prior_gg = prior_mask([corner, corner, stray, nothing], classes=2)
    # The corner alone: 2 · 3 of 4 + 4 pixels, a Dice of 6/8. With the stray pixel 2 · 4 of 8 + 4, which is 8/12.
    assert np.argwhere(prior_gg).tolist() == [[0, 0]]
    assert prior_gg[0, 0] == 2
    assert not prior_mask([nothing, nothing], classes=2).any()


def test_an_empty_mask_finds_nothing_of_the_damage() -> None:
    damaged = np.zeros((10, 10), dtype=np.uint8)
    damaged[:2, :2] = 1
    predicted = without_damage(count_pixels(0, damaged, damaged, classes=2))
    assert predicted == count_pixels(0, damaged, np.zeros_like(damaged), classes=2)
    metrics = segmentation_metrics([predicted])
    assert (metrics["binary_IoU"], metrics["binary_dice"], metrics["pixel_accuracy"]) == (0.0, 0.0, 0.96)


def test_damage_of_the_wrong_class_is_damage_all_the_same() -> None:
    target, predicted = np.zeros((10, 10), dtype=np.uint8), np.zeros((10, 10), dtype=np.uint8)
    target[:2, :2], predicted[:2, :1] = 1, 2
    metrics = segmentation_metrics([count_pixels(0, target, predicted, classes=3)])
    assert metrics["dice"] == 0.0
    assert (metrics["binary_IoU"], metrics["binary_dice"]) == (pytest.approx(2 / 4), pytest.approx(2 * 2 / 6))


def card(left: float) -> ImageRecord:
    """A card of 100 x 140 px in 200 x 200, so far from the left."""
    return ImageRecord(
        path="card.png", sha256="", size_bytes=1, width=200, height=200,
        annotations=(Annotation(label=1, box_xywh=(left, 30.0, 100.0, 140.0)),),
    )  # fmt: skip


def seen(record: ImageRecord, image: int, *predicted: Instance) -> ImageDetections:
    """At half the size."""
    target = tuple(
        Instance(label=one.label, box_xywh=tuple(value / 2 for value in one.box_xywh))  # type: ignore[arg-type]
        for one in record.annotations
    )
    return ImageDetections(image=image, height=100, width=100, target=target, prediction=predicted)


def test_the_average_border_is_the_mean_of_the_training_labels_relative_to_the_image() -> None:
    records = [card(40.0), card(52.0)]
    (first, second) = average_border([seen(card(40.0), 0), seen(card(50.0), 1)], records)
    assert first.prediction == second.prediction
    assert first.prediction[0].box_xywh == pytest.approx((23.0, 15.0, 50.0, 70.0))
    metrics = border_metrics([measure_borders(first, card(40.0)), measure_borders(second, card(50.0))])
    # 6 px off to the right and 4 px to the left, at two of four sides each.
    assert metrics["edge_error_px"] == pytest.approx((2 * 6 + 2 * 4) / 8)


def test_a_detector_that_finds_the_average_border_everywhere_is_not_fit_and_one_that_looks_is() -> None:
    training = [card(40.0 + 2 * place) for place in range(8)]
    evaluated = [card(41.0 + 2 * place) for place in range(8)]
    blind = average_border([seen(record, place) for place, record in enumerate(evaluated)], training)
    right = [seen(record, place, *seen(record, place).target) for place, record in enumerate(evaluated)]

    def of(results: list[ImageDetections]) -> Predictor:
        borders = [measure_borders(each, evaluated[each.image]) for each in results]
        return Predictor(metrics=border_metrics(borders), measure=border_measure(borders))

    def compared_with_trivial(results: list[ImageDetections]) -> Comparison:
        trivial = {"average_border": of(average_border(results, training))}
        return compare(of(results), trivial, purpose_metrics=("edge_error_all_px",), groups=BY_ITSELF)

    unfit, fit = compared_with_trivial(blind), compared_with_trivial(right)
    assert not unfit.fit_for_use
    assert "edge_error_all_px is 2 (95 %: " in unfit.reason
    assert unfit.reason.endswith("not better than trivial beyond chance: average border has 2")
    assert fit.fit_for_use
    assert fit.reason.startswith("edge_error_all_px is 0 (95 %: 0 to 0), better than trivial: average border has 2")


def test_a_grader_that_always_says_one_grade_is_not_fit() -> None:
    comparison = compared(graded([0, 1, 2, 3, 0, 1, 2, 3], [2] * 8))
    assert not comparison.fit_for_use
    assert comparison.trivial_metrics.keys() == {"middle_grade", "commonest_grade"}
    assert (comparison.groups, comparison.resamples) == (8, 500)


def test_a_grader_that_grades_is_fit_and_the_interval_holds_its_kappa() -> None:
    comparison = compared(graded([0, 1, 2, 3, 0, 1, 2, 3], [0, 1, 2, 3, 0, 1, 2, 2]))
    assert comparison.fit_for_use, comparison.reason
    interval = comparison.intervals["quadratic_weighted_kappa"]
    assert interval.lower < 1 - 1 / 20 < interval.upper


def test_a_grader_that_is_better_by_chance_alone_is_not_fit() -> None:
    results = graded([0, 1, 2, 3, 0, 1, 2, 3], [0, 3, 2, 1, 2, 1, 0, 3])
    assert ordinal_metrics(results, GRADES)["quadratic_weighted_kappa"] == pytest.approx(0.2)
    assert not compared(results).fit_for_use


def test_images_of_one_group_show_nothing_of_others() -> None:
    perfect = graded([0, 1, 2, 3, 0, 1, 2, 3], [0, 1, 2, 3, 0, 1, 2, 3])
    comparison = compared(perfect, [list(range(8))])
    assert not comparison.fit_for_use
    assert comparison.reason == "the validation images are of 1 group; an interval takes at least 2"
    assert (comparison.intervals, comparison.resamples) == ({}, 0)


def test_without_anything_to_measure_nothing_is_fit() -> None:
    empty = Predictor(metrics={}, measure=lambda _: {})
    comparison = compare(empty, {"average_border": empty}, purpose_metrics=("edge_error_all_px",), groups=BY_ITSELF)
    assert not comparison.fit_for_use
    assert comparison.reason == "none of edge_error_all_px is measured on the validation images"


def test_groups_are_drawn_whole_and_alike_for_one_seed() -> None:
    groups = [[0, 1], [2], [3, 4, 5]]
    drawn = list(resamples(groups, count=20, seed=3))
    assert drawn == list(resamples(groups, count=20, seed=3))
    assert drawn != list(resamples(groups, count=20, seed=4))
    for places in drawn:
        assert places.count(0) == places.count(1)
        assert places.count(3) == places.count(4) == places.count(5)
    # A metric that is undefined on some resamples has no interval.
    some = resampled(lambda places: {"all": float(len(places))} | ({"some": 1.0} if 2 in places else {}), drawn)
    assert list(some) == ["all"]
    assert interval_of(np.arange(101, dtype=np.float64)).lower == 2.5


def test_every_figure_of_all_images_is_that_of_one_draw_of_each() -> None:
    rng = np.random.default_rng(5)
    grades = graded(rng.integers(0, 4, 30).tolist(), rng.integers(0, 4, 30).tolist())
    labels = [
        MultilabelPrediction(image=n, target=tuple(rng.random(3) < 0.5), probabilities=tuple(rng.random(3)))
        for n in range(30)
    ]
    scores = [
        RegressionPrediction(image=n, target=(float(rng.random()), None if n % 3 else 2.0 * n), prediction=(0.5, 3.0))
        for n in range(30)
    ]
    for measure, metrics in (
        (ordinal_measure(grades, GRADES), ordinal_metrics(grades, GRADES)),
        (multilabel_measure(labels), multilabel_metrics(labels)),
        (regression_measure(scores, ("a", "b")), regression_metrics(scores, ("a", "b"))),
    ):
        once = measure(range(30))
        assert once == pytest.approx({name: metrics[name] for name in once})


def detections(seed: int) -> list[ImageDetections]:
    rng = np.random.default_rng(seed)

    def instance(**more: float | bool) -> Instance:
        left, top = rng.integers(0, 30, 2)
        mask_HW = np.zeros((48, 48), dtype=np.bool_)
        mask_HW[top : top + 14, left : left + 16] = True
        box = (float(left), float(top), 16.0, 14.0)
        return Instance(label=int(rng.integers(1, 3)), box_xywh=box, mask=run_lengths(mask_HW), **more)  # type: ignore[arg-type]

    return [
        ImageDetections(
            image=place, height=48, width=48,
            target=tuple(instance(crowd=bool(rng.random() < 0.2)) for _ in range(4)),
            prediction=tuple(instance(score=float(rng.random())) for _ in range(9)),
        )
        for place in range(12)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_of_one_draw_of_each_image_is_the_librarys(seed: int) -> None:
    images = detections(seed)
    once = average_precision_measure(images, ("scratch", "dent"))(range(len(images)))
    assert once == pytest.approx(coco_metrics(images, ("scratch", "dent")), abs=1e-9)


def test_the_average_instance_has_a_mask_and_is_as_sure_as_its_class_is_frequent() -> None:
    target = Instance(label=1, box_xywh=(1.0, 1.0, 4.0, 4.0), mask=run_lengths(np.eye(100, dtype=np.bool_)))
    image = ImageDetections(image=0, height=100, width=100, target=(target,), prediction=())
    (one,) = average_instance([image], [card(40.0), card(60.0), ImageRecord(
        path="flawless.png", sha256="", size_bytes=1, width=200, height=200, annotations=(),
    )])  # fmt: skip
    assert one.prediction[0].score == pytest.approx(2 / 3)
    assert one.prediction[0].box_xywh == pytest.approx((25.0, 15.0, 50.0, 70.0))
    assert one.prediction[0].mask is not None
    assert int(coco_mask.area(dict(one.prediction[0].mask))) == 50 * 70


def test_every_row_that_can_be_trained_says_what_it_is_for() -> None:
    assert [row for row in ROWS if row.available and not row.purpose_metrics] == []
    purposes = {name for row in ROWS for name in row.purpose_metrics}
    assert {name for name in purposes if not larger_is_better(name)} == {
        "edge_error_all_px", "centring_error_all_pp", "mean_error_deg", "mean_depth_error_um", "albedo_error",
        "score_MAE",
    }  # fmt: skip
