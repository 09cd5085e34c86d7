"""How good measured scores are, each by its name. N images, S scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.evidence import Evidence, ImageError
from truscore.metrics.rank_correlation import spearman

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """An image's real and found scores, S of each in the order of their names; a real one that is not known is None."""

    image: int
    real: tuple[float | None, ...]
    found: tuple[float, ...]


def score_metrics(scored: Sequence[Scored], score_names: Sequence[str]) -> dict[str, float]:
    """``score_MAE``, ``score_RMSE``, ``R2`` and ``spearman``: means over the scores that are known of any image; where
    there are several, each also by name, as ``R2_sharpness``. Empty where no score is known, else all finite.
    """
    by_name = {name: figures for name, figures in _by_name(scored, score_names).items() if figures}
    if not by_name:
        return {}
    keys = next(iter(by_name.values()))
    means = {key: float(np.mean([figures[key] for figures in by_name.values()])) for key in keys}
    several = {f"{key}_{name}": figures[key] for name, figures in by_name.items() for key in keys}
    return means | several if len(score_names) > 1 else means


def score_evidence(scored: Sequence[Scored], score_names: Sequence[str]) -> Evidence:
    """Figures by score, and each image's mean absolute error over its scores, in units of each score's spread."""
    spread_S = [_spread([one.real[place] for one in scored]) for place in range(len(score_names))]
    return Evidence(
        error_name="mean absolute error, in standard deviations of the score",
        by_class=tuple({"class": name, **figures} for name, figures in _by_name(scored, score_names).items()),
        image_errors=tuple(_image_error(one, score_names, spread_S) for one in scored if any(_known(one))),
    )


def r_squared(real_N: Numbers, found_N: Numbers) -> float:
    """1 less the share of the variance that is left over (Wright 1921); below 0 where the mean would do better.

    Of a score that never varies: 1 where it was met throughout, else 0, as scikit-learn has it.
    """
    left, whole = float(((found_N - real_N) ** 2).sum()), float(((real_N - real_N.mean()) ** 2).sum())
    # The mean of equal numbers may differ from them by a rounding error.
    if np.ptp(real_N) == 0:
        return 1.0 if left == 0 else 0.0
    return 1.0 - left / whole


def _by_name(scored: Sequence[Scored], score_names: Sequence[str]) -> dict[str, dict[str, float]]:
    return {name: _figures(scored, place) for place, name in enumerate(score_names)}


def _figures(scored: Sequence[Scored], place: int) -> dict[str, float]:
    known = [(real, one.found[place]) for one in scored if (real := one.real[place]) is not None]
    if not known:
        return {}
    real_N, found_N = np.array(known, dtype=np.float64).T
    return {
        "score_MAE": float(np.abs(found_N - real_N).mean()),
        "score_RMSE": float(((found_N - real_N) ** 2).mean() ** 0.5),
        "R2": r_squared(real_N, found_N),
        "spearman": spearman(real_N, found_N) or 0.0,
    }


def _spread(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.std(known)) if known and np.std(known) > 0 else 1.0


def _known(one: Scored) -> list[bool]:
    return [real is not None for real in one.real]


def _image_error(one: Scored, score_names: Sequence[str], spread_S: Sequence[float]) -> ImageError:
    rows = [
        (name, real, found, spread)
        for name, real, found, spread in zip(score_names, one.real, one.found, spread_S, strict=True)
        if real is not None
    ]
    error = float(np.mean([abs(found - real) / spread for _, real, found, spread in rows]))
    text = "; ".join(f"{name} {real:.3g}, found {found:.3g}" for name, real, found, _ in rows)
    return ImageError(image=one.image, error=error, text=text)
