"""Features in two dimensions. N images, C features of each, 2: across and up."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

METHODS = ("pca", "umap")
FEWEST_FOR_UMAP = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Projection:
    """`places_N2` lie within -1 and 1; `explained`: shares of the variance that the two axes hold, none of UMAP."""

    method: str
    places_N2: NDArray[np.float64]
    explained: list[float]


def projected(features_NC: NDArray[np.floating], method: str) -> Projection:
    """Raises ValueError where the method is not there."""
    if method not in METHODS:
        raise ValueError(f"method {method!r:.40}; accepted: {', '.join(METHODS)}")
    if method == "umap":
        return Projection(method="umap", places_N2=_scaled(_umap(features_NC)), explained=[])
    places_N2, explained = pca(features_NC)
    return Projection(method="pca", places_N2=_scaled(places_N2), explained=explained)


def pca(features_NC: NDArray[np.floating]) -> tuple[NDArray[np.float64], list[float]]:
    """The first two principal components (Hotelling 1933) of features of unit variance, and the share of each.

    An axis points where its largest loading is positive, so that the same
    features lie in the same places.
    """
    centred_NC = np.asarray(features_NC, dtype=np.float64) - np.mean(features_NC, axis=0, dtype=np.float64)
    spread_C = centred_NC.std(axis=0)
    centred_NC = centred_NC[:, spread_C > 0] / spread_C[spread_C > 0]
    count, width = centred_NC.shape
    if width == 0:
        return np.zeros((count, 2)), [0.0, 0.0]
    _, values_K, loadings_KC = np.linalg.svd(centred_NC, full_matrices=False)
    axes = min(2, len(values_K))
    loadings_2C = loadings_KC[:axes]
    signs = np.sign(loadings_2C[np.arange(axes), np.abs(loadings_2C).argmax(axis=1)])
    places_N2 = np.zeros((count, 2))
    places_N2[:, :axes] = centred_NC @ (loadings_2C * signs[:, None]).T
    shares = values_K**2 / (values_K**2).sum()
    return places_N2, [float(shares[axis]) if axis < axes else 0.0 for axis in range(2)]


def _umap(features_NC: NDArray[np.floating]) -> NDArray[np.float64]:
    """UMAP (McInnes et al. 2018), where umap-learn is installed beside the studio."""
    if importlib.util.find_spec("umap") is None:
        raise ValueError("UMAP is not installed beside the studio: `pip install umap-learn`, or take PCA")
    if len(features_NC) < FEWEST_FOR_UMAP:
        raise ValueError(f"{len(features_NC)} images are too few for UMAP: accepted are {FEWEST_FOR_UMAP} and more")
    import umap

    found: NDArray[np.float64] = umap.UMAP(n_components=2, random_state=0).fit_transform(features_NC)
    return found


def _scaled(places_N2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Both axes by one factor: distances stay comparable."""
    middle_2 = (places_N2.max(axis=0) + places_N2.min(axis=0)) / 2
    reach = np.abs(places_N2 - middle_2).max()
    scaled: NDArray[np.float64] = (places_N2 - middle_2) / reach if reach > 0 else places_N2 - middle_2
    return scaled
