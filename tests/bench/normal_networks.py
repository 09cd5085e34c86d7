"""Trains ps_net on renders alone and prints how far its normals are off: `python -m tests.bench.normal_networks`.

Mean / median angular error in degrees beside the best solver, on held-out renders and on the real objects that are at
hand; black levels are found beforehand for both. Training is the product's own process on a dataset of the product's
own, with the row's small recipe.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import LitViews, cauchy_shading, find_black_level
from truscore.synthesis.lit import LIT_KINDS, render_lit_scene
from truscore.synthesis.lit.dataset import VARIED, render_lit_dataset
from truscore.zoo import load_checkpoint_model

from tests.bench.photometric_stereo import rendered_views
from tests.learning.run_folder import lay_out
from tests.measuring.lit_objects import objects

ROW = {"category": "photometric_stereo", "option": "surface_normal_estimation", "architecture": "ps_net"}
HELD_OUT_SEED = 20  # that of tests.bench.photometric_stereo
MOST_LIGHTS = 24


def main() -> int:
    options = _options()
    rows: dict[str, list[tuple[float, float]]] = {}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            found = measured(Path(folder), seed, options)
        for name, figures in found.items():
            rows.setdefault(name, []).append(figures)
        Console(width=140).print(_table(rows, options.seeds[: len(rows["renders"])]))
    return 0


def measured(folder: Path, seed: int, options: argparse.Namespace) -> Mapping[str, tuple[float, float]]:
    """Mean error of solver and network, by object; of renders the mean over objects."""
    began_s = time.process_time()
    render_lit_dataset(
        folder / "set",
        count=options.objects,
        option=VARIED,
        seed=1000 + seed,
        lights=MOST_LIGHTS,
        image_size=(options.side, options.side),
    )
    rendered_s = time.process_time() - began_s
    process = {"epochs": options.epochs, "validation_frequency": options.epochs}
    overrides = {"seed": seed, "hyperparameters": {"training_process": process}}
    run = lay_out(folder / "run", folder / "set", **ROW, overrides=overrides)  # type: ignore[arg-type]
    if run.finish():
        sys.exit(json.dumps(str(run.records[-1])))
    trained_s = time.process_time() - began_s - rendered_s
    print(f"seed {seed}: rendered in {rendered_s:.0f} s, trained in {trained_s:.0f} s of processor time")  # noqa: T201
    network, _, _ = load_checkpoint_model(run.path / run.completed.path)
    figures = {views.name: _errors(network, views) for views in objects(options.data)}
    return {"renders": tuple(np.mean([_errors(network, each) for each in held_out(options)], axis=0)), **figures}


def held_out(options: argparse.Namespace) -> list[LitViews]:
    """Of the seed that no training set has, under rings of twelve lights."""
    found = []
    for number in range(options.renders):
        rng = np.random.default_rng([HELD_OUT_SEED, number])
        kind = LIT_KINDS[number % len(LIT_KINDS)]
        found.append(rendered_views(render_lit_scene(rng, kind=kind, lights=12, size=(64, 64))))
    return found


def _errors(network: torch.nn.Module, views: LitViews) -> tuple[float, float]:
    directions_L3 = views.directions()
    level_L = find_black_level(views.samples_NL, directions_L3, share_L=views.share_L).level * views.share_L
    given = (views.samples_NL.T, directions_L3, level_L, np.ones(len(level_L)), np.ones(len(views.samples_NL)))
    with torch.no_grad():
        learned_N3 = network(*(torch.from_numpy(np.ascontiguousarray(each)).float()[None] for each in given))[0]
    solved_N3 = cauchy_shading(views.samples_NL, directions_L3, black_level=level_L).normals_N3
    assert views.normals_HW3 is not None
    target_N3 = views.normals_HW3[views.mask_HW]
    solver, learned = (
        float(np.nanmean(angular_errors(each_N3, target_N3))) for each_N3 in (solved_N3, learned_N3.numpy())
    )
    return solver, learned


def _table(rows: Mapping[str, list[tuple[float, float]]], seeds: list[int]) -> Table:
    table = Table(title="Mean angular error, degrees")
    for heading in ("object", "black level + Cauchy", *(f"ps_net, seed {seed}" for seed in seeds)):
        table.add_column(heading, justify="left" if heading == "object" else "right")
    for name, figures in rows.items():
        table.add_row(name, f"{figures[0][0]:.2f}", *(f"{learned:.2f}" for _, learned in figures))
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.normal_networks", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where the real objects lie")
    parser.add_argument("--objects", type=int, default=240, help="rendered objects to train on, a third of each kind")
    parser.add_argument("--side", type=int, default=40, help="of a rendered object, in pixels")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--renders", type=int, default=60, help="held-out objects")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
