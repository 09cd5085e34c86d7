"""Trains depth_net on renders of cards alone and prints how far depths are off: `python -m tests.bench.depth_networks`.

Beside the robust solver's normals integrated, on the same held-out scenes: cards under 12 lights (mean error of depths
in micrometres, the plane removed, and of their normals in degrees), a dent of 20 micrometres at a pitch of 10 (by how
much its depth is misread) and a flat card (standard deviation of what should be a plane). Black levels are found
beforehand for all. Training is the product's own process with the row's small recipe.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from truscore.metrics.depth import depth_errors, without_plane
from truscore.photometric_stereo import cauchy_shading, find_black_level, integrate_bilateral, integrate_poisson
from truscore.synthesis.lit import LitScene, light_surface, render_lit_dataset
from truscore.synthesis.lit.relief import Relief, bell, flat, grid, noise
from truscore.synthesis.lit.scene import spread_lights
from truscore.synthesis.lit.surfaces import SURFACES
from truscore.zoo import load_checkpoint_model

from tests.bench.photometric_stereo import rendered_views
from tests.learning.run_folder import lay_out

ROW = {"category": "photometric_stereo", "option": "depth_reconstruction", "architecture": "depth_net"}
HELD_OUT_SEED = 20
SIDE, PITCH_UM, DENT_UM, PAPER_UM = 64, 10.0, 20.0, 0.5
Read = Callable[[LitScene], np.ndarray]  # a scene's depth [H, W] in micrometres
# Micrometres that depths may be off.
MOST = {"dent of 20 um": 5.0, "flat card": 2.0}


def main() -> int:
    options = _options()
    readers: dict[str, Read] = {
        "Poisson": solved(integrate_poisson),
        "bilateral": solved(integrate_bilateral),
    }
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            readers[f"depth_net, seed {seed}"] = trained(Path(folder), seed, options)
    rows = {name: measured(read, options.scenes) for name, read in readers.items()}
    Console(width=150).print(_table(rows))
    learned = [figures for reader, figures in rows.items() if reader.startswith("depth_net")]
    return int(any(figures[name] > most for figures in learned for name, most in MOST.items()))


def measured(read: Read, scenes: int) -> Mapping[str, float]:
    """Means over scenes."""
    cards = [_apart(scene, read(scene)) for scene in map(card, range(scenes))]
    dents = [abs(_deep(read(scene)) - _deep(_truth(scene))) for scene in map(dented, range(scenes))]
    planes = [_spread(read(scene)) for scene in map(plane, range(scenes))]
    return {
        "cards, um": float(np.mean([depth for depth, _ in cards])),
        "cards, degrees": float(np.mean([angle for _, angle in cards])),
        "dent of 20 um": float(np.mean(dents)),
        "worst dent": float(np.max(dents)),
        "flat card": float(np.mean(planes)),
    }


def _spread(depth_HW: np.ndarray) -> float:
    return float(np.std(without_plane(depth_HW, np.ones(depth_HW.shape, dtype=bool))))


def card(number: int) -> LitScene:
    rng = np.random.default_rng([HELD_OUT_SEED, number])
    return light_surface(rng, SURFACES["card"](rng, SIDE, SIDE), spread_lights(rng, 12, (25.0, 75.0)))


def dented(number: int) -> LitScene:
    """Paper with one dent, 20 micrometres deep, on a card's print."""
    x, y = grid(SIDE, SIDE)
    rng = np.random.default_rng([HELD_OUT_SEED, 1, number])
    radii = (rng.uniform(5, 9), rng.uniform(5, 9))
    dent = bell(x, y, at=(0.0, 0.0), radii=radii, turn=rng.uniform(0, np.pi)).scaled(-DENT_UM / PITCH_UM)
    paper = noise(rng, SIDE, SIDE, length=2.0, amplitude=PAPER_UM / PITCH_UM)
    return _scene(rng, dent + paper)


def plane(number: int) -> LitScene:
    return _scene(np.random.default_rng([HELD_OUT_SEED, 2, number]), flat(SIDE, SIDE))


def _scene(rng: np.random.Generator, relief: Relief) -> LitScene:
    surface = replace(SURFACES["card"](rng, SIDE, SIDE), relief=relief, pitch_um=PITCH_UM)
    return light_surface(rng, surface, spread_lights(rng, 12, (25.0, 75.0)))


def _truth(scene: LitScene) -> np.ndarray:
    return scene.surface.relief.height * scene.surface.pitch_um


def _apart(scene: LitScene, depth_HW: np.ndarray) -> tuple[float, float]:
    errors_N, angles_N = depth_errors(depth_HW, _truth(scene), scene.surface.mask_HW, pitch_um=scene.surface.pitch_um)
    return float(errors_N.mean()), float(angles_N.mean())


def _deep(depth_HW: np.ndarray) -> float:
    """How far the middle lies below the paper from 24 to 30 pixels away, whose plane is taken off."""
    away_HW = np.hypot(*grid(*depth_HW.shape))
    around_HW = (away_HW > 24) & (away_HW < 30)
    down_HW, across_HW = np.indices(depth_HW.shape)
    terms_HW3 = np.stack([np.ones(depth_HW.shape), across_HW, down_HW], axis=-1)
    plane_3 = np.linalg.lstsq(terms_HW3[around_HW], depth_HW[around_HW], rcond=None)[0]
    return float(-(depth_HW - terms_HW3 @ plane_3)[away_HW < 1.5].mean())


def solved(integrate: Callable[..., np.ndarray]) -> Read:
    def read(scene: LitScene) -> np.ndarray:
        views = rendered_views(scene)
        level = find_black_level(views.samples_NL, scene.directions_L3, share_L=views.share_L).level
        shading = cauchy_shading(views.samples_NL, scene.directions_L3, black_level=level * views.share_L)
        depth_HW: np.ndarray = integrate(views.picture(shading.normals_N3), views.mask_HW) * scene.surface.pitch_um
        return depth_HW

    return read


def trained(folder: Path, seed: int, options: argparse.Namespace) -> Read:
    began_s = time.process_time()
    render_lit_dataset(
        folder / "set",
        count=options.objects,
        option="card",
        seed=1000 + seed,
        lights=16,
        image_size=(options.side, options.side),
    )
    process = {"epochs": options.epochs, "validation_frequency": options.epochs}
    overrides = {"seed": seed, "hyperparameters": {"training_process": process}}
    run = lay_out(folder / "run", folder / "set", **ROW, overrides=overrides)  # type: ignore[arg-type]
    if run.finish():
        sys.exit(json.dumps(str(run.records[-1])))
    print(f"seed {seed}: rendered and trained in {time.process_time() - began_s:.0f} s of processor time")  # noqa: T201
    network, _, _ = load_checkpoint_model(run.path / run.completed.path)
    return answered(network)


def answered(network: torch.nn.Module) -> Read:
    def read(scene: LitScene) -> np.ndarray:
        views = rendered_views(scene)
        level_L = find_black_level(views.samples_NL, scene.directions_L3, share_L=views.share_L).level * views.share_L
        given = (
            views.picture(views.samples_NL).reshape(-1, len(level_L)).T,
            scene.directions_L3,
            level_L,
            np.ones(len(level_L)),
            views.mask_HW,
        )
        with torch.no_grad():
            surface = network(*(torch.from_numpy(np.ascontiguousarray(each)).float()[None] for each in given))
        depth_HW: np.ndarray = surface.height_BHW[0].double().numpy() * scene.surface.pitch_um
        return depth_HW

    return read


def _table(rows: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title="Depths of renders, micrometres and degrees")
    names = list(next(iter(rows.values())))
    for heading in ("read by", *names):
        table.add_column(heading, justify="left" if heading == "read by" else "right")
    for name, figures in rows.items():
        table.add_row(name, *(f"{figures[each]:.2f}" for each in names))
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.depth_networks", description=__doc__)
    parser.add_argument("--objects", type=int, default=240, help="rendered cards to train on")
    parser.add_argument("--side", type=int, default=48, help="of a rendered card, in pixels")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--scenes", type=int, default=30, help="held-out scenes of each kind")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
