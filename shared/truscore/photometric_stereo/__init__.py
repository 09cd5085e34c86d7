"""Surface normals from views of one object under many lights. Knows numbers of pixels; knows no network, run or event.

Axes everywhere: x to the right, y UP, z to the camera; lights are unit vectors from the object. Intensities are linear,
with 1 for the largest value that a file holds.
"""

from truscore.photometric_stereo.bilateral import integrate_bilateral
from truscore.photometric_stereo.black_level import BlackLevel, find_black_level
from truscore.photometric_stereo.flat_card import UnknownLamps, card_normals, card_slopes
from truscore.photometric_stereo.ggx_fit import fit_ggx
from truscore.photometric_stereo.integration import depth_normals, integrate_poisson
from truscore.photometric_stereo.least_squares import Shading, least_squares
from truscore.photometric_stereo.light_refit import RefittedLights, refit_lights
from truscore.photometric_stereo.robust import cauchy_shading
from truscore.photometric_stereo.solved_views import SolvedViews, solve_views
from truscore.photometric_stereo.sparse_bayesian import sparse_bayesian
from truscore.photometric_stereo.uncalibrated import UncalibratedShading, uncalibrated_shading
from truscore.photometric_stereo.views import InvalidViews, LitViews, read_views

__all__ = [
    "BlackLevel",
    "InvalidViews",
    "LitViews",
    "RefittedLights",
    "Shading",
    "SolvedViews",
    "UncalibratedShading",
    "UnknownLamps",
    "card_normals",
    "card_slopes",
    "cauchy_shading",
    "depth_normals",
    "find_black_level",
    "fit_ggx",
    "integrate_bilateral",
    "integrate_poisson",
    "least_squares",
    "read_views",
    "refit_lights",
    "solve_views",
    "sparse_bayesian",
    "uncalibrated_shading",
]
