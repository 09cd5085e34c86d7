"""Prints how far the solvers' normals are off: `python -m tests.bench.photometric_stereo [--data FOLDER]`.

Mean / median angular error in degrees over every pixel of the mask. The bunny is rendered, with shadows, highlights and
a black level, and has a normal map; the gray sphere is photographed, and its normals follow from its outline: a circle
of the mask's width, outside of which the mask's few pixels have no normal. Ends with 1 where a figure is worse than its
line. With --inverse-seeds a surface is fitted to every object, too, once for each seed, under refitted lights and
beside Cauchy's weights under the same; finding these is not in its seconds.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from truscore.metrics.normals import angular_errors, by_lighting, normal_metrics
from truscore.photometric_stereo import (
    LitViews,
    cauchy_shading,
    find_black_level,
    least_squares,
    solve_views,
    sparse_bayesian,
)
from truscore.synthesis.lit import LIT_KINDS, LitScene, render_lit_scene
from truscore.zoo.inverse_rendering import FitSettings, fit_object

from tests.bench.normal_pictures import draw_normals
from tests.bench.taught_objects import observed_of
from tests.measuring.lit_objects import MOST_DEG, objects

# What was measured elsewhere, by the same rules.
BEFORE = {
    ("gray sphere, 12 lights", "least squares"): "6.11 / 4.88",
    ("gray sphere, 12 lights", "Cauchy"): "5.07 / 3.95",
    ("gray sphere, 12 lights", "sparse Bayesian"): "5.06 / 3.74",
    ("gray sphere, 12 lights", "black level + Cauchy"): "5.07 / 3.95",
    ("bunny, 50 lights", "least squares"): "13.95 / 6.18",
    ("bunny, 50 lights", "Cauchy"): "4.94 / 5.03",
    ("bunny, 50 lights", "sparse Bayesian"): "4.44 / 4.46",
    ("bunny, 50 lights", "black level + Cauchy"): "0.51 / 0.27",
    ("bunny, 4 lights", "black level + Cauchy"): "10.4",
    ("bunny, 8 lights", "black level + Cauchy"): "5.0",
    ("bunny, 12 lights", "black level + Cauchy"): "2.0",
    ("bunny, 24 lights", "black level + Cauchy"): "0.8",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One solver on one object: errors in degrees, the black level in steps of eight bits."""

    object: str
    solver: str
    figures: dict[str, float]
    black_level: float
    seconds: float


def main() -> int:
    options = _options()
    views = [one for one in objects(options.data) if any(part in one.name for part in options.only)]
    if not views:
        print(f"no photometric stereo in {options.data}", file=sys.stderr)  # noqa: T201
        return 2
    rows: list[Row] = []
    console = Console(width=170)
    for one in views:
        found = [*solved(one), *fitted(one, options.inverse_seeds)]
        console.print(_table(found))
        rows += found
    if options.picture:
        draw_normals(options.picture, views, {"refitted lights + Cauchy": _by_pixels, "inverse rendering": _by_surface})
    if options.renders:
        console.print(_renders(options.renders, options.seed, options.inverse_seeds))
    rated = [row for row in rows if row.object in MOST_DEG and row.solver == "black level + Cauchy"]
    return int(any(row.figures["mean_deg"] > MOST_DEG[row.object] for row in rated))


def solved(views: LitViews) -> list[Row]:
    """Every solver on the object, with and without the black level that it seems to have."""
    samples_NL, directions_L3 = views.samples_NL, views.directions()
    started = time.process_time()
    level = find_black_level(samples_NL, directions_L3, share_L=views.share_L).level
    finding_s = time.process_time() - started
    rows = [
        _row(views, "least squares", lambda: least_squares(samples_NL, directions_L3).normals_N3),
        _row(views, "Cauchy", lambda: cauchy_shading(samples_NL, directions_L3).normals_N3),
        _row(views, "sparse Bayesian", lambda: sparse_bayesian(samples_NL, directions_L3).normals_N3),
    ]
    for name, solver in (("Cauchy", cauchy_shading), ("sparse Bayesian", sparse_bayesian)):
        row = _row(
            views,
            f"black level + {name}",
            lambda solver=solver: solver(samples_NL, directions_L3, black_level=level * views.share_L).normals_N3,
        )
        rows.append(replace(row, black_level=255 * level, seconds=row.seconds + finding_s))
    return rows


def fitted(views: LitViews, seeds: Sequence[int]) -> list[Row]:
    """A surface's normals for each seed, after those of single pixels that it starts from."""
    if not seeds:
        return []
    found = solve_views(views)
    observed = observed_of(views, found)
    rows = [_row(views, "refitted lights + Cauchy", lambda: found.shading.normals_N3)]
    for seed in seeds:
        rows.append(
            _row(
                views,
                f"inverse rendering, seed {seed}",
                lambda seed=seed: fit_object(observed, FitSettings(seed=seed, most_s=3600)).normals_N3,
            )
        )
    return [replace(row, black_level=255 * found.level) for row in rows]


def _by_pixels(views: LitViews) -> np.ndarray:
    return solve_views(views).shading.normals_N3


def _by_surface(views: LitViews) -> np.ndarray:
    return fit_object(observed_of(views, solve_views(views)), FitSettings(most_s=3600)).normals_N3


def _row(views: LitViews, solver: str, solve: Callable[[], np.ndarray]) -> Row:
    assert views.normals_HW3 is not None
    started = time.process_time()
    normals_N3 = solve()
    seconds = time.process_time() - started
    target_N3 = views.normals_HW3[views.mask_HW]
    errors_N = angular_errors(normals_N3, target_N3)
    figures = {
        **normal_metrics(errors_N),
        **by_lighting(errors_N, views.samples_NL, target_N3, views.directions()),
    }
    return Row(object=views.name, solver=solver, figures=figures, black_level=0.0, seconds=seconds)


def _renders(count: int, seed: int, inverse_seeds: Sequence[int]) -> str:
    """One line: the mean over rendered objects (64 pixels, 12 lights) of each one's mean error, and black levels."""
    errors: dict[str, list[float]] = {}
    kept = {True: [0, 0], False: [0, 0]}  # by whether there is a level: how often one was kept, of how many
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        scene = render_lit_scene(rng, kind=LIT_KINDS[number % len(LIT_KINDS)], lights=12, size=(64, 64))
        views = rendered_views(scene)
        rows = solved(views)
        for row in (*rows, *fitted(views, inverse_seeds)):
            errors.setdefault(row.solver, []).append(row.figures["mean_deg"])
        tally = kept[scene.camera.black_level != 0]
        tally[0], tally[1] = tally[0] + (rows[-1].black_level != 0), tally[1] + 1
    figures = ", ".join(f"{solver} {np.mean(values):.2f}" for solver, values in errors.items())
    levels = f"kept on {kept[True][0]} of {kept[True][1]} with one, on {kept[False][0]} of {kept[False][1]} without"
    return f"{count} renders (before: least squares 5.9): {figures}; black level {levels}"


def rendered_views(scene: LitScene) -> LitViews:
    mask_HW = scene.surface.mask_HW
    fractions_LHW3 = scene.pictures_LHW3 / (2.0**scene.camera.bits - 1)
    samples_LN = (fractions_LHW3[:, mask_HW] / scene.intensities_L3[:, None, :]).mean(axis=-1)
    return LitViews(
        name="render",
        samples_NL=samples_LN.T,
        directions_L3=scene.directions_L3,
        share_L=(1 / scene.intensities_L3).mean(axis=1),
        mask_HW=mask_HW,
        normals_HW3=scene.surface.relief.normals(),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.photometric_stereo", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where the real objects lie")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of real objects to measure")
    parser.add_argument("--picture", type=Path, help="a PNG of the real objects' errors, whose fits it repeats")
    parser.add_argument("--renders", type=int, default=60, help="rendered objects, a third of each kind")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--inverse-seeds", type=int, nargs="+", default=[], help="of fitted surfaces; seconds each")
    return parser.parse_args()


def _table(rows: list[Row]) -> Table:
    table = Table(title="Surface normals, degrees")
    headings = ("object", "solver", "mean / median", "before", "p95", "< 5", "< 10", "< 20")
    for heading in (*headings, "shadow", "highlight", "plain", "black", "s"):
        table.add_column(heading, justify="left" if heading in {"object", "solver"} else "right")
    for row in rows:
        figures = row.figures
        table.add_row(
            row.object,
            row.solver,
            f"{figures['mean_deg']:.2f} / {figures['median_deg']:.2f}",
            BEFORE.get((row.object, row.solver), ""),
            f"{figures['p95_deg']:.1f}",
            *(f"{100 * figures[f'below_{bound}']:.0f} %" for bound in (5, 10, 20)),
            *(f"{figures[f'{group}_mean_deg']:.2f}" for group in ("shadow", "highlight", "plain")),
            f"{row.black_level:.1f}",
            f"{row.seconds:.1f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
