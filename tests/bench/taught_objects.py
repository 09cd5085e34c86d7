"""Objects whose normals are those of inverse rendering, as `truscore normals --as-labels` writes them."""

import time
from pathlib import Path

import numpy as np
from truscore.datasets import read_dataset
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import InvalidViews, LitViews, SolvedViews, read_views, solve_views
from truscore.photometric_stereo.least_squares import InvalidLights
from truscore.photometric_stereo.proposed_labels import write_proposal
from truscore.zoo.inverse_rendering import FitSettings, InvalidObservation, Observed, fit_object

SETTINGS = FitSettings(steps=200, first_steps=80, pixels=512, most_s=3600)  # of small objects: about two seconds each


def observed_of(views: LitViews, found: SolvedViews) -> Observed:
    return Observed(
        samples_NL=found.samples_NL,
        lit_NL=found.usable_NL,
        directions_L3=found.directions_L3,
        mask_HW=views.mask_HW,
        normals_N3=found.shading.normals_N3,
        albedo_N=found.shading.albedo_N,
    )


def teach(given: Path, to: Path, *, seed: int) -> str:
    """Every object of the dataset with the fitted surface's normals; what it says is how far these are off its truth,
    which is looked at for that alone."""
    began_s = time.process_time()
    index = read_dataset(given).index
    assert index is not None
    errors: list[tuple[float, float]] = []
    left_out = 0
    for lit_object in index.objects:
        views = read_views(given, index, lit_object.name)
        try:
            found = solve_views(views)
            observed = observed_of(views, found)
        except (InvalidLights, InvalidObservation, InvalidViews):
            left_out += 1
            continue
        fitted = fit_object(observed, SETTINGS)
        provenance = {"solver": "inverse_rendering", "seed": SETTINGS.seed, "of": f"renders, seed {seed}"}
        laid_HW3 = views.picture(fitted.normals_N3)
        write_proposal(to / lit_object.name, views, laid_HW3, given=(given, index), provenance=provenance)
        assert views.normals_HW3 is not None
        truth_N3 = views.normals_HW3[views.mask_HW]
        both = (found.shading.normals_N3, fitted.normals_N3)
        errors.append(tuple(float(np.nanmean(angular_errors(each_N3, truth_N3))) for each_N3 in both))
    robust, taught = np.mean(errors, axis=0)
    return (
        f"{len(errors)} objects in {time.process_time() - began_s:.0f} s of processor time, {left_out} left out, "
        f"{taught:.2f} degrees off their truth, Cauchy's weights {robust:.2f}"
    )
