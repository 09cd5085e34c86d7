"""Grades, scores and labels: against hand-worked figures, the library they replace, and their edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.metrics.confusion_matrix import confusion_counts
from truscore.metrics.curves import (
    average_precision,
    precision_recall_series,
    reliability,
    roc_area,
    roc_series,
    sweep_thresholds,
)
from truscore.metrics.multilabel import MultilabelPrediction, multilabel_diagnostics, multilabel_metrics
from truscore.metrics.ordinal import OrdinalPrediction, ordinal_diagnostics, ordinal_metrics
from truscore.metrics.rank_correlation import ranks, spearman
from truscore.metrics.regression import RegressionPrediction, regression_diagnostics, regression_metrics

# The library checks its input thoroughly: a few milliseconds each time, far more on a busy machine.
AGAINST_THE_LIBRARY = settings(deadline=None, max_examples=25)
PSA = tuple(float(grade) for grade in range(1, 11))
NAMES = tuple(f"PSA {grade:g}" for grade in PSA)
PLACES = st.integers(0, 9)
# Few decimals, so that ties are common.
SHARES = st.integers(0, 20).map(lambda value: value / 20)
LABELS_AND_SHARES = st.tuples(st.lists(st.booleans(), min_size=3, max_size=3), st.lists(SHARES, min_size=3, max_size=3))


def graded(pairs: list[tuple[int, int]], confidence: float = 1.0) -> list[OrdinalPrediction]:
    """Real and found places on the scale of ten, each found one as sure as said."""
    return [
        OrdinalPrediction(
            image=image,
            target=target,
            prediction=predicted,
            probabilities=tuple(confidence if place == predicted else (1 - confidence) / 9 for place in range(10)),
        )
        for image, (target, predicted) in enumerate(pairs)
    ]


def test_grades_met_throughout_are_perfect() -> None:
    metrics = ordinal_metrics(graded([(0, 0), (9, 9), (4, 4)]), PSA)
    assert metrics == {
        "grade_MAE": 0.0, "quadratic_weighted_kappa": 1.0, "within_1_accuracy": 1.0, "grade_agreement": 1.0,
        "macro_F1": 1.0, "calibration_error": 0.0, "dead_classes": 0.0,
    }  # fmt: skip


def test_one_grade_off_is_within_one_and_no_agreement() -> None:
    metrics = ordinal_metrics(graded([(8, 9), (7, 6), (3, 3), (2, 7)]), PSA)
    assert metrics["grade_MAE"] == pytest.approx(7 / 4)
    assert metrics["within_1_accuracy"] == 0.75
    assert metrics["grade_agreement"] == 0.25


def test_a_network_that_says_one_grade_for_all_agrees_no_better_than_chance() -> None:
    assert ordinal_metrics(graded([(0, 5), (5, 5), (9, 5)]), PSA)["quadratic_weighted_kappa"] == pytest.approx(0.0)


def test_one_single_grade_that_is_always_met_is_full_agreement() -> None:
    assert ordinal_metrics(graded([(5, 5), (5, 5)]), PSA)["quadratic_weighted_kappa"] == 1.0


def test_no_grades_have_no_figures() -> None:
    assert ordinal_metrics([], PSA) == {}


def test_half_grades_are_half_as_far_apart() -> None:
    assert ordinal_metrics(graded([(0, 1)]), tuple(value / 2 for value in PSA))["grade_MAE"] == 0.5


def test_confidence_that_is_right_half_as_often_as_it_says_is_off_by_that_much() -> None:
    metrics = ordinal_metrics(graded([(1, 1), (2, 3), (4, 4), (5, 6)], confidence=0.95), PSA)
    assert metrics["calibration_error"] == pytest.approx(0.45)


@AGAINST_THE_LIBRARY
@given(st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=40))
def test_grades_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    target, predicted = zip(*pairs, strict=True)
    metrics = ordinal_metrics(graded(pairs), PSA)
    assert all(np.isfinite(value) for value in metrics.values())
    if len({*target, *predicted}) > 1:
        kappa = sklearn.cohen_kappa_score(target, predicted, weights="quadratic", labels=range(10))
        assert metrics["quadratic_weighted_kappa"] == pytest.approx(kappa, abs=1e-12)
    assert metrics["macro_F1"] == pytest.approx(
        sklearn.f1_score(target, predicted, average="macro", zero_division=0.0), abs=1e-12
    )
    assert (
        confusion_counts(target, predicted, 10).tolist()
        == sklearn.confusion_matrix(target, predicted, labels=range(10)).tolist()
    )


def test_the_worst_grades_come_first_and_right_ones_not_at_all() -> None:
    diagnostics = ordinal_diagnostics(graded([(8, 9), (3, 3), (2, 7)]), PSA, NAMES)
    assert diagnostics.worst(5) == (2, 0)
    assert diagnostics.image_errors[2].text == "PSA 3, found PSA 8"
    assert diagnostics.matrices[0].counts[2][7] == 1


def test_each_grade_has_curves_against_the_others_where_some_image_has_it() -> None:
    diagnostics = ordinal_diagnostics(graded([(8, 8), (3, 3), (2, 7)], confidence=0.9), PSA, NAMES)
    by_kind = {diagram.kind: diagram for diagram in diagnostics.diagrams}
    assert [series.name for series in by_kind["precision_recall"].series] == ["PSA 3", "PSA 4", "PSA 9"]
    roc = {series.name: series for series in by_kind["roc"].series}
    assert (roc["PSA 9"].x, roc["PSA 9"].y) == ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0))


@AGAINST_THE_LIBRARY
@given(st.lists(st.tuples(SHARES, st.floats(-2, 2)), min_size=1, max_size=40))
def test_scores_equal_scikit_learn_and_scipy(pairs: list[tuple[float, float]]) -> None:
    sklearn, scipy = pytest.importorskip("sklearn.metrics"), pytest.importorskip("scipy.stats")
    target, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    scored = [RegressionPrediction(image=n, target=(r,), prediction=(f,)) for n, (r, f) in enumerate(pairs)]
    metrics = regression_metrics(scored, ("sharpness",))
    assert metrics["score_MAE"] == pytest.approx(sklearn.mean_absolute_error(target, predicted))
    assert metrics["score_RMSE"] == pytest.approx(sklearn.root_mean_squared_error(target, predicted))
    if len(pairs) > 1 and np.ptp(target) > 0:
        assert metrics["R2"] == pytest.approx(sklearn.r2_score(target, predicted), rel=1e-9, abs=1e-9)
    assert ranks(predicted).tolist() == scipy.rankdata(predicted).tolist()
    if (correlation := spearman(target, predicted)) is not None:
        assert correlation == pytest.approx(scipy.spearmanr(target, predicted).statistic, abs=1e-12)


def test_a_score_that_never_varies_is_met_or_not() -> None:
    met = [RegressionPrediction(image=n, target=(0.5,), prediction=(0.5,)) for n in range(3)]
    missed = [RegressionPrediction(image=n, target=(0.5,), prediction=(0.6,)) for n in range(3)]
    assert regression_metrics(met, ("sharpness",))["R2"] == 1.0
    assert regression_metrics(missed, ("sharpness",))["R2"] == 0.0


def test_a_score_that_is_not_known_of_an_image_counts_for_nothing() -> None:
    scored = [
        RegressionPrediction(image=0, target=(1.0, None), prediction=(1.0, 99.0)),
        RegressionPrediction(image=1, target=(2.0, 0.0), prediction=(2.0, 0.5)),
    ]
    metrics = regression_metrics(scored, ("sharpness", "gloss"))
    assert metrics["score_MAE_sharpness"] == 0.0
    assert metrics["score_MAE_gloss"] == 0.5
    assert metrics["score_MAE"] == 0.25
    assert regression_metrics([RegressionPrediction(image=0, target=(None,), prediction=(3.0,))], ("sharpness",)) == {}
    assert regression_diagnostics(scored, ("sharpness", "gloss")).worst(9) == (1,)


def labelled(target: list[list[bool]], probabilities: list[list[float]]) -> list[MultilabelPrediction]:
    return [
        MultilabelPrediction(image=image, target=tuple(there), probabilities=tuple(shares))
        for image, (there, shares) in enumerate(zip(target, probabilities, strict=True))
    ]


@AGAINST_THE_LIBRARY
@given(st.lists(st.tuples(st.booleans(), SHARES), min_size=1, max_size=40))
def test_average_precision_and_roc_area_equal_scikit_learn(pairs: list[tuple[bool, float]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    target, score = (np.array(side) for side in zip(*pairs, strict=True))
    if target.any():
        assert average_precision(target, score) == pytest.approx(
            sklearn.average_precision_score(target, score), abs=1e-12
        )
    else:
        assert average_precision(target, score) is None
    if len(set(target.tolist())) == 2:
        assert roc_area(target, score) == pytest.approx(sklearn.roc_auc_score(target, score), abs=1e-12)
    else:
        assert roc_area(target, score) is None
    assert sweep_thresholds(target, score).threshold_T.tolist() == sorted(set(score.tolist()), reverse=True)


@AGAINST_THE_LIBRARY
@given(st.lists(st.tuples(st.booleans(), SHARES), min_size=1, max_size=40))
def test_curves_equal_scikit_learn(pairs: list[tuple[bool, float]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    target, score = (np.array(side) for side in zip(*pairs, strict=True))
    drawn = precision_recall_series("dent", target, score)
    if target.any():
        precision, recall, _ = sklearn.precision_recall_curve(target, score)
        assert drawn.x[1:] == pytest.approx(recall[-2::-1], abs=1e-12)
        assert drawn.y[1:] == pytest.approx(precision[-2::-1], abs=1e-12)
        assert (drawn.x[0], drawn.y[0]) == (0.0, drawn.y[1])  # from the edge; scikit-learn goes on to precision 1
    else:
        assert drawn.x == ()
    drawn = roc_series("dent", target, score)
    if len(set(target.tolist())) == 2:
        false_rate, true_rate, _ = sklearn.roc_curve(target, score, drop_intermediate=False)
        assert drawn.x == pytest.approx(false_rate, abs=1e-12)
        assert drawn.y == pytest.approx(true_rate, abs=1e-12)
    else:
        assert drawn.x == ()


@AGAINST_THE_LIBRARY
@given(st.lists(LABELS_AND_SHARES, min_size=1, max_size=20))
def test_labels_equal_scikit_learn(rows: list[tuple[list[bool], list[float]]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    target, shares = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    predicted = shares >= 0.5
    metrics = multilabel_metrics(labelled(target.tolist(), shares.tolist()))
    assert all(np.isfinite(value) for value in metrics.values())
    there = [place for place in range(3) if (target | predicted)[:, place].any()]
    if target.any():
        macro = np.mean([sklearn.f1_score(target[:, place], predicted[:, place], zero_division=0.0) for place in there])
        assert metrics["macro_F1"] == pytest.approx(macro)
        assert metrics["micro_F1"] == pytest.approx(
            sklearn.f1_score(target.ravel(), predicted.ravel(), zero_division=0.0)
        )
    assert metrics["subset_accuracy"] == pytest.approx(sklearn.accuracy_score(target, predicted))
    if held := [place for place in range(3) if target[:, place].any()]:
        precision = np.mean([sklearn.average_precision_score(target[:, place], shares[:, place]) for place in held])
        assert metrics["mAP"] == pytest.approx(precision)


@pytest.mark.parametrize(("shares", "right"), [([[0.1, 0.2]], 1.0), ([[0.9, 0.2]], 0.0)])
def test_where_no_image_has_a_label_there_is_nothing_to_be_found(shares: list[list[float]], right: float) -> None:
    metrics = multilabel_metrics(labelled([[False, False]], shares))
    assert metrics["subset_accuracy"] == right
    assert metrics.keys().isdisjoint({"macro_F1", "micro_F1", "mAP", "ROC_AUC"})


def test_a_dent_taken_for_a_scratch_stands_in_the_matrix_as_that() -> None:
    diagnostics = multilabel_diagnostics(
        labelled([[True, False], [False, True], [False, True]], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.3]]),
        ("scratch", "dent"),
    )
    assert diagnostics.matrices[0].counts == ((1, 0, 0), (1, 0, 1), (0, 0, 0))
    assert diagnostics.matrices[0].target == ("scratch", "dent", "nothing")
    assert [diagram.kind for diagram in diagnostics.diagrams] == ["precision_recall", "roc", "reliability"]


def test_confidence_is_put_in_bins_that_hold_their_upper_end() -> None:
    bins = reliability(np.array([0.0, 0.1, 0.2, 0.21, 1.0]), np.array([False, False, True, True, True]), bins=5)
    assert bins.count_B == (3, 1, 1)
    assert bins.error == pytest.approx((3 * abs(0.1 - 1 / 3) + abs(0.21 - 1) + 0) / 5)
