"""Which solver `truscore normals` finds normals by, and what it says of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from services.cli.context import CliError, Code

if TYPE_CHECKING:
    from truscore.photometric_stereo import LitViews
    from truscore.photometric_stereo.least_squares import Array


class Solver(StrEnum):
    ROBUST = "robust"
    INVERSE_RENDERING = "inverse_rendering"


@dataclass(frozen=True, kw_only=True, slots=True)
class By:
    """The solver, and what holds of inverse rendering."""

    solver: Solver
    seed: int
    steps: int
    most_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """`said` are the figures that go into the command's output and beside proposed labels."""

    normals_N3: "Array"
    said: dict[str, Any]


def solved(views: "LitViews", by: By) -> Solved:
    """Lights are refitted and the black level found beforehand for both. Raises InvalidViews and InvalidLights."""
    import numpy as np
    from truscore.photometric_stereo import solve_views

    found = solve_views(views)
    moved_L = np.degrees(np.arccos(np.clip((found.directions_L3 * views.directions()).sum(axis=1), -1, 1)))
    said: dict[str, Any] = {"black_level": found.level, "lights_moved_deg": round(float(moved_L.mean()), 3)}
    if by.solver is Solver.ROBUST:
        return Solved(normals_N3=found.shading.normals_N3, said=said)
    try:
        from truscore.zoo.inverse_rendering import (
            FitSettings,
            FitUnfinished,
            InvalidObservation,
            Observed,
            fit_object,
        )
    except ModuleNotFoundError as error:
        text = f"--solver {by.solver.value} needs torch: install truscore-training[train] ({error.name} is missing)"
        raise CliError(Code.USAGE, text) from error
    try:
        observed = Observed(
            samples_NL=found.samples_NL,
            lit_NL=found.usable_NL,
            directions_L3=found.directions_L3,
            mask_HW=views.mask_HW,
            normals_N3=found.shading.normals_N3,
            albedo_N=found.shading.albedo_N,
        )
        fitted = fit_object(observed, FitSettings(seed=by.seed, steps=by.steps, most_s=by.most_s))
    except (FitUnfinished, InvalidObservation) as error:
        raise CliError(Code.USAGE, f"{views.name!r}: {error}") from error
    said |= {
        "solver": by.solver.value,
        "seed": by.seed,
        "steps": by.steps,
        "residual": fitted.residual,
        "residual_robust": fitted.residual_given,
        "explains_better": fitted.explains_better,
        "on_surface": round(float(fitted.on_surface_N.mean()), 4),
        "converged": fitted.converged,
    }
    return Solved(normals_N3=fitted.normals_N3, said=said)
