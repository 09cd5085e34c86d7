"""Trains multi_view_stereo on renders of cards alone and prints how far its depths are off:
`python -m tests.bench.multi_view`.

On held-out cards from five sides, beside the plane in the middle of the range and the classical plane sweep: the share
of pixels within one of the 47 intervals of the depth range, the mean error in intervals, in micrometres once the plane
is removed, and that of normals. Training is the product's own process with the row's small recipe.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from truscore.datasets import read_dataset
from truscore.metrics.depth import ObjectDepth
from truscore.synthesis.lit import render_multi_view_dataset
from truscore.zoo import load_checkpoint_model

from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks.camera_scenes import CameraScenes
from services.trainer.worker.tasks.multi_view import MultiViewDepth
from services.trainer.worker.tasks.protocol import Key
from tests.learning.run_folder import lay_out

ROW = {"category": "photometric_stereo", "option": "depth_reconstruction", "architecture": "multi_view_stereo"}
HELD_OUT_SEED, LEAST_SHARE = 20, 0.8
SHOWN = ("share_within_interval", "mean_error_intervals", "mean_depth_error_um", "mean_normal_error_deg")


def main() -> int:
    options = _options()
    rows: dict[str, Mapping[str, float]] = {}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows |= measured(Path(folder), seed, options)
    table = Table("read by", *SHOWN)
    for name, figures in rows.items():
        table.add_row(name, *(f"{figures[each]:.3f}" for each in SHOWN))
    Console(width=150).print(table)
    learned = [figures for name, figures in rows.items() if name.startswith("multi_view_stereo")]
    return int(any(figures["share_within_interval"] < LEAST_SHARE for figures in learned))


def measured(folder: Path, seed: int, options: argparse.Namespace) -> Mapping[str, Mapping[str, float]]:
    size = (options.side, options.side)
    dataset = render_multi_view_dataset(folder / "cards", count=options.scenes, seed=seed, image_size=size)
    training_process = {"epochs": options.epochs} if options.epochs else {}
    overrides = {"seed": seed, "hyperparameters": {"training_process": training_process}}
    run = lay_out(folder / "run", dataset, **ROW, overrides=overrides)  # type: ignore[arg-type]
    started = time.process_time()
    if run.finish() != 0:
        raise SystemExit(str(run.records[-1]))
    Console(stderr=True).print(f"seed {seed}: trained in {time.process_time() - started:.0f} s of one core")
    network, recipe, _ = load_checkpoint_model(run.path / run.completed.path)
    job = read_job(RunDir(path=run.path))
    held_out = render_multi_view_dataset(
        folder / "held-out", count=options.held_out, seed=HELD_OUT_SEED, image_size=size
    )
    index = read_dataset(held_out).index
    assert index is not None
    named = {"folder": held_out, "image_size": recipe.image_size, "seed": 0, "cache_limit_bytes": 10**9}
    scenes = CameraScenes(index.images, index.objects, **named)  # type: ignore[arg-type]
    task = MultiViewDepth(recipe=job.recipe, training=scenes, validation=scenes)
    results: list[ObjectDepth] = []
    with torch.no_grad():
        for number in range(len(scenes)):
            key = Key(epoch=0, index=number)
            results += task.evaluate(network, task.collate([scenes[key]]), [key]).image_results
    known: Mapping[str, Sequence[ObjectDepth]] = task.trivial(results)
    return {name: task.metrics(each) for name, each in known.items()} | {
        f"multi_view_stereo, seed {seed}": task.metrics(results)
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.multi_view", description=__doc__)
    parser.add_argument("--scenes", type=int, default=80, help="rendered cards to train on, five views each")
    parser.add_argument("--side", type=int, default=64, help="of a view, in pixels")
    parser.add_argument("--epochs", type=int, default=0, help="0: the recipe's own number")
    parser.add_argument("--held-out", type=int, default=24, help="held-out cards")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
