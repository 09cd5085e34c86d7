"""Trains networks on renders alone and prints how far normals are off: `python -m tests.bench.normal_networks`.

Mean angular error in degrees beside the best solver, on held-out renders and on the real objects that are at hand.
Black levels are found and lights refitted beforehand for both. Training is the product's own process on a dataset of
the product's own, with the row's small recipe. With --taught a second network learns from the same renders and from
more objects whose truth nobody looks at: their normals are those of inverse rendering.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from truscore.catalog import architectures
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import LitViews, cauchy_shading, find_black_level, refit_lights
from truscore.synthesis.lit import LIT_KINDS, render_lit_scene
from truscore.synthesis.lit.dataset import VARIED, render_lit_dataset
from truscore.zoo import load_checkpoint_model
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork
from truscore.zoo.photometric.spatial_windows import TypicalSample, WindowAnswers, WindowedNormals
from truscore.zoo.photometric.surface_network import SurfaceNetwork

from tests.bench.normal_pictures import Read, draw_normals
from tests.bench.photometric_stereo import rendered_views
from tests.bench.taught_objects import teach
from tests.bench.turned_views import apart_when_turned
from tests.learning.run_folder import lay_out
from tests.measuring.lit_objects import objects

ROW = {"category": "photometric_stereo", "option": "surface_normal_estimation"}
ARCHITECTURES = ("ps_net", "neural_surface_reconstruction")
HELD_OUT_SEED = 20  # that of tests.bench.photometric_stereo
MOST_LIGHTS = 24
LIGHT_ERROR_DEG = 2.5  # of each axis, one standard deviation
TURNED = "renders, how far answers are from turning with the object"
MOVED = f"renders, lights off by {LIGHT_ERROR_DEG} degrees an axis"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is trained: an architecture's own small network, or another one of its ``network``s, by a small recipe."""

    architecture: str
    network: str = ""
    epochs: int | None = None

    @classmethod
    def of(cls, architecture: str) -> "Wanted":
        return cls(architecture=architecture)

    @classmethod
    def named(cls, text: str) -> "Wanted":
        """Of NETWORK or NETWORK:EPOCHS, for argparse."""
        name, _, epochs = text.partition(":")
        rows = [row for row in architectures(ROW["category"], ROW["option"]) if name in row.bases]
        if not rows:
            raise argparse.ArgumentTypeError(f"no network {name!r}")
        return cls(architecture=rows[0].architecture, network=name, epochs=int(epochs) if epochs else None)

    @property
    def label(self) -> str:
        return self.network or self.architecture


def main() -> int:
    options = _options()
    rows: dict[str, dict[str, float]] = {}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            found = measured(Path(folder), seed, options)
        for name, figures in found.items():
            rows.setdefault(name, {}).update(figures)
        Console(width=170).print(_table(rows))
    return 0


def measured(folder: Path, seed: int, options: argparse.Namespace) -> Mapping[str, Mapping[str, float]]:
    """Mean error by object and by what gave the normals; of renders the mean over objects."""
    began_s = time.process_time()
    render_lit_dataset(
        folder / "set",
        count=options.objects,
        option=VARIED,
        seed=1000 + seed,
        lights=MOST_LIGHTS,
        image_size=(options.side, options.side),
    )
    if options.taught:
        shutil.copytree(folder / "set", folder / "both" / "set" / "rendered")
        side = (options.side, options.side)
        render_lit_dataset(
            folder / "more", count=options.taught, option=VARIED, seed=3000 + seed, lights=MOST_LIGHTS, image_size=side
        )
        print(teach(folder / "more", folder / "both" / "set" / "taught", seed=seed))  # noqa: T201
    rendered_s = time.process_time() - began_s
    print(f"seed {seed}: rendered in {rendered_s:.0f} s of processor time")  # noqa: T201
    readers: dict[str, Read] = {"black level + Cauchy": _solved}
    for wanted in options.networks or map(Wanted.of, options.architectures):
        alone = wanted
        if options.taught:
            # As many steps on renders alone as beside the objects of the teacher.
            epochs = wanted.epochs or options.epochs
            taught = _trained(folder / "both", wanted, seed, options)
            readers[f"{wanted.label} and {options.taught} taught, seed {seed}"] = taught
            alone = replace(wanted, epochs=round(epochs * (options.objects + options.taught) / options.objects))
        readers[f"{wanted.label}, seed {seed}"] = _trained(folder, alone, seed, options)
    renders = held_out(options)
    groups = {"renders": renders, MOVED: [_moved(number, views) for number, views in enumerate(renders)]}
    groups |= {views.name: [views] for views in objects(options.data)}
    if options.picture:
        draw_normals(options.picture, [_refitted(views) for views in renders[: len(LIT_KINDS)]], readers)
    found = {name: _errors(group, readers) for name, group in groups.items()}
    apart = {
        name: float(np.mean([apart_when_turned(read, views) for views in renders])) for name, read in readers.items()
    }
    return found | {TURNED: {"lights as measured": apart["black level + Cauchy"]} | apart}


def _errors(group: Sequence[LitViews], readers: Mapping[str, Read]) -> dict[str, float]:
    """Of the solver under the lights as they were measured, and of each reader under those that were refitted."""
    refitted = [_refitted(views) for views in group]
    measured_deg = {"lights as measured": float(np.mean([_error(_solved, views) for views in group]))}
    return measured_deg | {
        reader: float(np.mean([_error(read, views) for views in refitted])) for reader, read in readers.items()
    }


def _refitted(views: LitViews) -> LitViews:
    return replace(views, directions_L3=refit_lights(views).directions_L3)


def _trained(folder: Path, wanted: "Wanted", seed: int, options: argparse.Namespace) -> Read:
    began_s = time.process_time()
    epochs = wanted.epochs or options.epochs
    process = {"epochs": epochs, "validation_frequency": epochs}
    optimization = {} if options.learning_rate is None else {"learning_rate": options.learning_rate}
    overrides: dict[str, Any] = {
        "seed": seed,
        "hyperparameters": {"training_process": process, "optimization": optimization},
    }
    if wanted.network:
        overrides["architecture_config"] = {"base_architecture": wanted.network}
    architecture = wanted.architecture
    run = lay_out(folder / wanted.label, folder / "set", **ROW, architecture=architecture, overrides=overrides)
    if run.finish():
        sys.exit(json.dumps(str(run.records[-1])))
    seconds = time.process_time() - began_s
    print(f"{wanted.label}, {epochs} epochs, trained in {seconds:.0f} s of processor time", flush=True)  # noqa: T201
    network, _, _ = load_checkpoint_model(run.path / run.completed.path)
    if isinstance(network, SpatialSetNetwork):
        return partial(_windows_answered, network)
    return partial(_surface_answered if isinstance(network, SurfaceNetwork) else _answered, network)


def held_out(options: argparse.Namespace) -> list[LitViews]:
    """Of the seed that no training set has, under rings of twelve lights."""
    found = []
    for number in range(options.renders):
        rng = np.random.default_rng([HELD_OUT_SEED, number])
        kind = LIT_KINDS[number % len(LIT_KINDS)]
        found.append(rendered_views(render_lit_scene(rng, kind=kind, lights=12, size=(64, 64))))
    return found


def _moved(number: int, views: LitViews) -> LitViews:
    """Under lights that somebody measured roughly."""
    rng = np.random.default_rng([HELD_OUT_SEED, 3, number])
    moved_L3 = views.directions() + np.radians(LIGHT_ERROR_DEG) * rng.normal(size=views.directions().shape)
    return replace(views, directions_L3=moved_L3 / np.linalg.norm(moved_L3, axis=1, keepdims=True))


def _error(read: Read, views: LitViews) -> float:
    assert views.normals_HW3 is not None
    return float(np.nanmean(angular_errors(read(views), views.normals_HW3[views.mask_HW])))


def _solved(views: LitViews) -> np.ndarray:
    return cauchy_shading(views.samples_NL, views.directions(), black_level=_level(views)).normals_N3


def _answered(network: torch.nn.Module, views: LitViews) -> np.ndarray:
    inside_N = np.ones(len(views.samples_NL))
    normals_BN3 = _asked(network, views.samples_NL.T, views, inside_N)
    return np.asarray(normals_BN3[0])


def _surface_answered(network: torch.nn.Module, views: LitViews) -> np.ndarray:
    """Of the rectangle around the mask."""
    laid_LHW, inside_HW = _laid_out(views)
    surface = _asked(network, laid_LHW.reshape(len(laid_LHW), -1), views, inside_HW)
    return np.asarray(surface.normals_BHW3[0])[inside_HW]


def _windows_answered(network: SpatialSetNetwork, views: LitViews) -> np.ndarray:
    """The same, as exported files do it."""
    laid_LHW, inside_HW = _laid_out(views)
    windowed = WindowedNormals(WindowAnswers(network), TypicalSample())
    level_L = _level(views)
    given = (laid_LHW, views.directions(), level_L, np.ones(len(level_L)), inside_HW)
    with torch.no_grad():
        normals_HW3 = windowed(*(torch.from_numpy(np.ascontiguousarray(each)).float() for each in given))
    return np.asarray(normals_HW3)[inside_HW]


def _laid_out(views: LitViews) -> tuple[np.ndarray, np.ndarray]:
    rows_N, columns_N = np.nonzero(views.mask_HW)
    part = (slice(rows_N.min(), rows_N.max() + 1), slice(columns_N.min(), columns_N.max() + 1))
    return np.moveaxis(views.picture(views.samples_NL)[part], 2, 0), views.mask_HW[part]


def _asked(network: torch.nn.Module, samples_LP: np.ndarray, views: LitViews, inside: np.ndarray) -> Any:
    level_L = _level(views)
    given = (samples_LP, views.directions(), level_L, np.ones(len(level_L)), inside)
    with torch.no_grad():
        return network(*(torch.from_numpy(np.ascontiguousarray(each)).float()[None] for each in given))


def _level(views: LitViews) -> np.ndarray:
    level: np.ndarray = (
        find_black_level(views.samples_NL, views.directions(), share_L=views.share_L).level * views.share_L
    )
    return level


def _table(rows: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title="Mean angular error, degrees")
    readers = list(rows["renders"])
    for heading in ("object", *readers):
        table.add_column(heading, justify="left" if heading == "object" else "right")
    for name, figures in rows.items():
        table.add_row(name, *(f"{figures[reader]:.2f}" for reader in readers))
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.normal_networks", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where the real objects lie")
    parser.add_argument("--objects", type=int, default=240, help="rendered objects to train on, a third of each kind")
    parser.add_argument(
        "--taught", type=int, default=0, help="more objects to train on, with normals by inverse rendering for truth"
    )
    parser.add_argument("--side", type=int, default=40, help="of a rendered object, in pixels")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--renders", type=int, default=60, help="held-out objects")
    parser.add_argument("--architectures", nargs="+", choices=ARCHITECTURES, default=ARCHITECTURES)
    parser.add_argument(
        "--networks",
        nargs="+",
        type=Wanted.named,
        metavar="NETWORK[:EPOCHS]",
        help="networks of the catalog in place of --architectures, each for so many epochs",
    )
    parser.add_argument("--learning-rate", type=float, help="in place of the recipe's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--picture", type=Path, help="a PNG of the first held-out objects, written by the last seed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
