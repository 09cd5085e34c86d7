"""Normals and lights where nobody measured the lights: `python -m tests.bench.uncalibrated_normals`.

Mean angular error in degrees of the network that is given no lights, of the solver that is given none, of the solver
that is given all of them, and of a flat surface; on held-out renders and on the real objects that are at hand. What is
given no lights sees views as a camera has them, with each light's own intensity. Training is the product's own process
with the row's small recipe. A card's solver is told that it is one, and how high its median lamp stands; so is none of
the others.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from truscore.metrics.normals import angular_errors, light_error_deg
from truscore.photometric_stereo import LitViews, cauchy_shading, find_black_level, uncalibrated_shading
from truscore.photometric_stereo.least_squares import InvalidLights
from truscore.synthesis.lit import LIT_KINDS, render_lit_scene
from truscore.synthesis.lit.dataset import VARIED, render_lit_dataset
from truscore.zoo import load_checkpoint_model

from tests.bench.photometric_stereo import rendered_views
from tests.learning.run_folder import lay_out
from tests.measuring.lit_objects import objects

ROW = {
    "category": "photometric_stereo",
    "option": "surface_normal_estimation",
    "architecture": "ps_net_uncalibrated",
}
HELD_OUT_SEED = 20  # that of tests.bench.photometric_stereo
MOST_LIGHTS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Mean degrees; of the solver without lights also with dents and bumps told apart, which no view does."""

    normals: float
    lights: float = float("nan")
    normals_of_either_sign: float = float("nan")


def main() -> int:
    options = _options()
    groups = {**held_out(options), **{views.name: [views] for views in objects(options.data)}}
    rows = {name: _classical(name, group) for name, group in groups.items()}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            network = _trained(Path(folder), seed, options)
            for name, group in groups.items():
                rows[name][f"network, seed {seed}"] = _mean([_of_network(network, views) for views in group])
        Console(width=170).print(_table(rows))
    if not options.seeds:
        Console(width=170).print(_table(rows))
    return 0


def held_out(options: argparse.Namespace) -> Mapping[str, Sequence[LitViews]]:
    """By kind, of the seed that no training set has, under rings of twelve lights."""
    found: dict[str, list[LitViews]] = {kind: [] for kind in LIT_KINDS}
    for number in range(options.renders):
        rng = np.random.default_rng([HELD_OUT_SEED, number])
        kind = LIT_KINDS[number % len(LIT_KINDS)]
        found[kind].append(rendered_views(render_lit_scene(rng, kind=kind, lights=12, size=(64, 64))))
    return found


def _classical(name: str, group: Sequence[LitViews]) -> dict[str, Figures]:
    return {
        "flat": _mean([Figures(normals=_error(_flat(views), views)) for views in group]),
        "lights known": _mean([Figures(normals=_error(_calibrated(views), views)) for views in group]),
        "solver, no lights": _mean([_of_solver(views, card=name == "card") for views in group]),
    }


def _of_solver(views: LitViews, *, card: bool) -> Figures:
    """Flat where it finds no lights."""
    height_deg = float(np.degrees(np.arcsin(np.median(views.directions()[:, 2])))) if card else None
    try:
        found = uncalibrated_shading(as_seen(views), kind="card" if card else "object", lamp_height_deg=height_deg)
    except InvalidLights:
        return Figures(normals=_error(_flat(views), views), normals_of_either_sign=_error(_flat(views), views))
    normals_N3, flip_3 = found.shading.normals_N3, np.array([-1.0, -1.0, 1.0])
    error = _error(normals_N3, views)
    return Figures(
        normals=error,
        lights=light_error_deg(found.directions_L3, views.directions()),
        normals_of_either_sign=min(error, _error(normals_N3 * flip_3, views)),
    )


def _of_network(network: torch.nn.Module, views: LitViews) -> Figures:
    rows_N, columns_N = np.nonzero(views.mask_HW)
    part = (slice(rows_N.min(), rows_N.max() + 1), slice(columns_N.min(), columns_N.max() + 1))
    lights = len(views.share_L)
    samples_LP = views.picture(as_seen(views).samples_NL)[part].reshape(-1, lights).T
    given = (samples_LP, np.ones(lights), views.mask_HW[part])
    with torch.no_grad():
        found = network(*(torch.from_numpy(np.ascontiguousarray(each)).float()[None] for each in given))
    normals_N3 = np.asarray(found.normals_BP3[0])[views.mask_HW[part].ravel()]
    off_deg = light_error_deg(np.asarray(found.lights.directions_BL3[0]), views.directions())
    return Figures(normals=_error(normals_N3, views), lights=off_deg)


def as_seen(views: LitViews) -> LitViews:
    """As a camera has them: no intensity divided out, no direction."""
    intensity_L = (1 / views.share_L) / (1 / views.share_L).mean()
    return replace(
        views,
        samples_NL=views.samples_NL * intensity_L,
        share_L=np.ones(len(intensity_L)),
        directions_L3=None,
        light_names=("",) * len(intensity_L),
    )


def _calibrated(views: LitViews) -> np.ndarray:
    level = find_black_level(views.samples_NL, views.directions(), share_L=views.share_L).level
    return cauchy_shading(views.samples_NL, views.directions(), black_level=level * views.share_L).normals_N3


def _flat(views: LitViews) -> np.ndarray:
    return np.tile(np.array([0.0, 0.0, 1.0]), (len(views.samples_NL), 1))


def _error(normals_N3: np.ndarray, views: LitViews) -> float:
    assert views.normals_HW3 is not None
    return float(np.nanmean(angular_errors(normals_N3, views.normals_HW3[views.mask_HW])))


def _mean(figures: Sequence[Figures]) -> Figures:
    def mean(values: Sequence[float]) -> float:
        known = [value for value in values if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")

    return Figures(
        normals=mean([each.normals for each in figures]),
        lights=mean([each.lights for each in figures]),
        normals_of_either_sign=mean([each.normals_of_either_sign for each in figures]),
    )


def _trained(folder: Path, seed: int, options: argparse.Namespace) -> torch.nn.Module:
    began_s = time.process_time()
    size = (options.side, options.side)
    render_lit_dataset(
        folder / "set", count=options.objects, option=VARIED, seed=1000 + seed, lights=MOST_LIGHTS, image_size=size
    )
    process = {"epochs": options.epochs, "validation_frequency": options.epochs}
    overrides = {"seed": seed, "hyperparameters": {"training_process": process}}
    run = lay_out(folder / "run", folder / "set", **ROW, overrides=overrides)
    if run.finish():
        sys.exit(json.dumps(str(run.records[-1])))
    print(f"seed {seed}: rendered and trained in {time.process_time() - began_s:.0f} s of processor time")  # noqa: T201
    network, _, _ = load_checkpoint_model(run.path / run.completed.path)
    return network


def _table(rows: Mapping[str, Mapping[str, Figures]]) -> Table:
    table = Table(title="Mean angular error of normals / of lights, degrees; in brackets with the better sign")
    readers = list(next(iter(rows.values())))
    for heading in ("object", *readers):
        table.add_column(heading, justify="left" if heading == "object" else "right")
    for name, figures in rows.items():
        table.add_row(name, *(_text(figures[reader]) for reader in readers))
    return table


def _text(figures: Figures) -> str:
    lights = "" if np.isnan(figures.lights) else f" / {figures.lights:.1f}"
    either = figures.normals_of_either_sign
    return f"{figures.normals:.2f}{lights}" + ("" if np.isnan(either) else f" ({either:.2f})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.uncalibrated_normals", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where the real objects lie")
    parser.add_argument("--objects", type=int, default=240, help="rendered objects to train on, a third of each kind")
    parser.add_argument("--side", type=int, default=32, help="of a rendered object, in pixels")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--renders", type=int, default=15, help="held-out objects")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0], help="none: only what learns nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
