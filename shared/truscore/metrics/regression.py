"""How good measured scores are, each by its name. N images, S scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.diagnostics import Diagnostics, ImageError
from truscore.metrics.rank_correlation import spearman

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegressionPrediction:
    """An image's target and predicted scores, S of each in the order of names; a target that is not known is None."""

    image: int
    target: tuple[float | None, ...]
    prediction: tuple[float, ...]


def regression_metrics(predictions: Sequence[RegressionPrediction], score_names: Sequence[str]) -> dict[str, float]:
    """``score_MAE``, ``score_RMSE``, ``R2`` and ``spearman``: means over the scores that are known of any image; where
    there are several, each also by name, as ``R2_sharpness``. Empty where no score is known, else all finite.
    """
    by_name = {name: values for name, values in _by_name(predictions, score_names).items() if values}
    if not by_name:
        return {}
    keys = next(iter(by_name.values()))
    means = {key: float(np.mean([values[key] for values in by_name.values()])) for key in keys}
    several = {f"{key}_{name}": values[key] for name, values in by_name.items() for key in keys}
    return means | several if len(score_names) > 1 else means


def regression_measure(predictions: Sequence[RegressionPrediction], score_names: Sequence[str]) -> Measure:
    """``score_MAE``, ``score_RMSE`` and ``R2`` of any places of the predictions, for resampling."""
    target_NS = np.array([[np.nan if value is None else value for value in one.target] for one in predictions])
    off_NS = np.array([one.prediction for one in predictions], dtype=np.float64) - target_NS

    def measure(places: Sequence[int]) -> dict[str, float]:
        rows = [
            (target_N[known_N], off_N[known_N])
            for target_N, off_N in zip(target_NS[list(places)].T, off_NS[list(places)].T, strict=True)
            for known_N in [~np.isnan(target_N)]
            if known_N.any()
        ]
        if not rows:
            return {}
        return {
            "score_MAE": float(np.mean([np.abs(off_N).mean() for _, off_N in rows])),
            "score_RMSE": float(np.mean([(off_N**2).mean() ** 0.5 for _, off_N in rows])),
            "R2": float(np.mean([r_squared(target_N, target_N + off_N) for target_N, off_N in rows])),
        }

    return measure


def regression_diagnostics(predictions: Sequence[RegressionPrediction], score_names: Sequence[str]) -> Diagnostics:
    """Figures by score, and each image's mean absolute error over its scores, in units of each score's spread."""
    spread_S = [_spread([one.target[place] for one in predictions]) for place in range(len(score_names))]
    return Diagnostics(
        error_name="mean absolute error, in standard deviations of the score",
        by_class=tuple({"class": name, **values} for name, values in _by_name(predictions, score_names).items()),
        image_errors=tuple(_image_error(one, score_names, spread_S) for one in predictions if any(_known(one))),
    )


def r_squared(target_N: Numbers, prediction_N: Numbers) -> float:
    """1 less the share of the variance that is left over (Wright 1921); below 0 where the mean would do better.

    Of a score that never varies: 1 where it was met throughout, else 0, as scikit-learn has it.
    """
    left, whole = float(((prediction_N - target_N) ** 2).sum()), float(((target_N - target_N.mean()) ** 2).sum())
    # The mean of equal numbers may differ from them by a rounding error.
    if np.ptp(target_N) == 0:
        return 1.0 if left == 0 else 0.0
    return 1.0 - left / whole


def _by_name(predictions: Sequence[RegressionPrediction], score_names: Sequence[str]) -> dict[str, dict[str, float]]:
    return {name: _values_of(predictions, place) for place, name in enumerate(score_names)}


def _values_of(predictions: Sequence[RegressionPrediction], place: int) -> dict[str, float]:
    known = [(target, one.prediction[place]) for one in predictions if (target := one.target[place]) is not None]
    if not known:
        return {}
    target_N, prediction_N = np.array(known, dtype=np.float64).T
    return {
        "score_MAE": float(np.abs(prediction_N - target_N).mean()),
        "score_RMSE": float(((prediction_N - target_N) ** 2).mean() ** 0.5),
        "R2": r_squared(target_N, prediction_N),
        "spearman": spearman(target_N, prediction_N) or 0.0,
    }


def _spread(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.std(known)) if known and np.std(known) > 0 else 1.0


def _known(one: RegressionPrediction) -> list[bool]:
    return [target is not None for target in one.target]


def _image_error(one: RegressionPrediction, score_names: Sequence[str], spread_S: Sequence[float]) -> ImageError:
    rows = [
        (name, target, prediction, spread)
        for name, target, prediction, spread in zip(score_names, one.target, one.prediction, spread_S, strict=True)
        if target is not None
    ]
    error = float(np.mean([abs(prediction - target) / spread for _, target, prediction, spread in rows]))
    text = "; ".join(f"{name} {target:.3g}, found {prediction:.3g}" for name, target, prediction, _ in rows)
    return ImageError(image=one.image, error=error, text=text)
