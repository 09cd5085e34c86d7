"""Trains reflectance_net or brdf_estimation on renders alone and prints how far what they find of surfaces is off:
`python -m tests.bench.reflectance_networks`.

Held-out renders, each under sixteen lights of which every fourth is held out. Training is the product's own process on
a dataset of the product's own, with the row's small recipe; fits that learn nothing see the same lights.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from truscore.datasets import read_dataset
from truscore.metrics.reflectance import ObjectReflectance, object_metrics
from truscore.synthesis.lit.dataset import VARIED, render_lit_dataset
from truscore.zoo import load_checkpoint_model

from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.lit_objects import ReflectivePixels
from services.trainer.worker.tasks.reflectance import ReflectanceEstimation
from tests.learning.run_folder import lay_out

HELD_OUT_SEED = 20  # that of tests.bench.photometric_stereo
MOST_LIGHTS, LIGHTS = 24, 16
FIGURES = (
    "relighting_PSNR_dB",
    "albedo_error",
    "roughness_error",
    "f0_error",
    "roughness_within",
    "roughness_confidence",
)


def main() -> int:
    options = _options()
    rows: dict[str, Mapping[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        renders = Path(folder) / "held_out"
        render_lit_dataset(renders, count=options.renders, seed=HELD_OUT_SEED, lights=LIGHTS, image_size=(64, 64))
        for seed in options.seeds:
            task, network = trained(Path(folder) / f"seed-{seed}", renders, seed, options)
            results = evaluated(task, network)
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                task.report(network, results, options.pictures)
            if not rows:  # the same lights and renders whatever was trained
                rows = {name: object_metrics(each) for name, each in task.trivial(results).items()}
            rows[f"{options.row}, seed {seed}"] = object_metrics(results)
            Console(width=140).print(_table(rows))
    return 0


def trained(
    folder: Path, renders: Path, seed: int, options: argparse.Namespace
) -> tuple[ReflectanceEstimation, torch.nn.Module]:
    """The network, and the task of the renders that are held out."""
    began_s = time.process_time()
    sides = (options.side, options.side)
    render_lit_dataset(
        folder / "set", count=options.objects, option=VARIED, seed=1000 + seed, lights=MOST_LIGHTS, image_size=sides
    )
    rendered_s = time.process_time() - began_s
    process = {"epochs": options.epochs, "validation_frequency": options.epochs}
    run = lay_out(
        folder / "run",
        folder / "set",
        category="photometric_stereo",
        option="reflectance_analysis",
        architecture=options.row,
        overrides={"seed": seed, "hyperparameters": {"training_process": process}},
    )
    if run.finish():
        sys.exit(json.dumps(str(run.records[-1])))
    trained_s = time.process_time() - began_s - rendered_s
    print(f"seed {seed}: rendered in {rendered_s:.0f} s, trained in {trained_s:.0f} s of processor time")  # noqa: T201
    network, recipe, _ = load_checkpoint_model(run.path / run.completed.path)
    task = ReflectanceEstimation(recipe=recipe, training=objects_of(folder / "set"), validation=objects_of(renders))
    return task, network


def evaluated(task: ReflectanceEstimation, network: torch.nn.Module) -> Sequence[ObjectReflectance]:
    results: list[ObjectReflectance] = []
    with torch.no_grad():
        for index in range(len(task.validation)):
            key = Key(epoch=0, index=index)
            results += task.evaluate(network, task.collate([task.validation[key]]), [key]).image_results
    return results


def objects_of(folder: Path) -> ReflectivePixels:
    index = read_dataset(folder).index
    assert index is not None
    return ReflectivePixels(
        index.images, index.objects, folder=folder, image_size=64, seed=0, cache_limit_bytes=1 << 28
    )


def _table(rows: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title="Reflectance, means over held-out renders")
    for heading in ("", *FIGURES):
        table.add_column(heading, justify="right" if heading else "left")
    for name, figures in rows.items():
        table.add_row(name, *(f"{figures.get(figure, np.nan):.{1 if 'dB' in figure else 4}f}" for figure in FIGURES))
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reflectance_networks", description=__doc__)
    parser.add_argument("--row", default="reflectance_net", choices=("reflectance_net", "brdf_estimation"))
    parser.add_argument("--objects", type=int, default=240, help="rendered objects to train on, a third of each kind")
    parser.add_argument("--side", type=int, default=40, help="of a rendered object, in pixels")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--renders", type=int, default=60, help="held-out objects")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of objects, the worst first")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
