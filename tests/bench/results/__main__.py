"""``python -m tests.bench.results run [NAME …]`` measures; ``page`` prints docs/results.md from the measurements."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from truscore.datasets import read_dataset
from truscore.datasets.paths import IMAGE_SUFFIXES
from truscore.photometric_stereo.view_channels import view_channels
from truscore.photometric_stereo.view_dataset import write_view_pictures

from deploy.local.settings import SharedData
from tests.bench.results.experiments import EXPERIMENTS
from tests.bench.results.page import page

REPOSITORY = Path(__file__).resolve().parents[3]
MEASURED = REPOSITORY / "docs" / "results"
RELIEF = ("grey", "lamp_deviation", "curvature")  # as `truscore view-pictures` makes them
KEPT = (
    "dataset", "dataset_digest", "images", "folds", "seeds", "choose", "device", "recipe", "metrics", "pooled",
    "trivial",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.results", description=__doc__)
    parser.add_argument("what", choices=("run", "page"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(EXPERIMENTS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", default="", metavar="FOLDS", help="do these folds alone, and keep no figures of them")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep folds here; with the same folder it goes on")
    requested = parser.parse_args()
    if requested.what == "page":
        sys.stdout.write(page(MEASURED))
        return 0
    unknown = sorted(set(requested.names) - set(EXPERIMENTS))
    if unknown:
        parser.error(f"{unknown[0]!r} is no measurement; accepted: {', '.join(EXPERIMENTS)}")
    keep = [requested.keep] if requested.keep else []
    return max(
        measure(name, seeds=requested.seeds, only=requested.only, keep=keep) for name in requested.names or EXPERIMENTS
    )


def measure(name: str, *, seeds: str, only: str, keep: Sequence[Path]) -> int:
    """Train and judge, print the figures, keep those of all folds in docs/results/."""
    experiment, data = EXPERIMENTS[name], Path(SharedData().shared_data or REPOSITORY.parent / "shared" / "data")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="truscore-results-") as folder:
        output = Path(folder) / "result.json"
        images = data / experiment.folder
        if experiment.hidden_top:
            images = hide_top(images, Path(folder) / "images", share=experiment.hidden_top)
        if experiment.views:
            images = relief_of(data / experiment.views, Path(folder) / "relief", labels=images)
        command = [
            sys.executable,
            "-m",
            "services.trainer.worker.cross_validation",
            *experiment.arguments(images=images, seeds=seeds),
            *(part for folder in keep for part in ("--keep", str(folder / name))),
            *(["--only", only] if only else []),
        ]
        ended = subprocess.run([*command, "--output", str(output)], stdout=subprocess.DEVNULL, check=False)
        if ended.returncode:
            return ended.returncode
        found = json.loads(output.read_text(encoding="utf-8"))
    if not only:
        place = MEASURED / f"{name}.json"
        kept = kept_of(found, minutes=(time.monotonic() - began) / 60, before=place)
        MEASURED.mkdir(exist_ok=True)
        place.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for metric, spread in found["pooled"].items():
        sys.stdout.write(f"{name}: {metric} {spread['mean']:.4f}\n")
    return 0


def relief_of(views: Path, folder: Path, *, labels: Path) -> Path:
    """Pictures of relief of all views, with the labels of that dataset."""
    seen, labelled = read_dataset(views).index, read_dataset(labels).index
    if seen is None or labelled is None:
        raise SystemExit(f"{views} or {labels} cannot be read as a dataset")
    write_view_pictures(views, seen, folder, channels=view_channels(RELIEF), labels=labelled)
    return folder


def hide_top(source: Path, copy: Path, *, share: float) -> Path:
    """A copy of the folder in which that share of each picture's height, from above, is grey."""
    shutil.copytree(source, copy)
    for path in (path for path in sorted(copy.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES):
        path.chmod(0o600)
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        picture.paste((128, 128, 128), (0, 0, picture.width, round(share * picture.height)))
        picture.save(path, quality=95)
    return copy


def kept_of(found: Mapping[str, Any], *, minutes: float, before: Path) -> dict[str, Any]:
    """What is kept of a cross-validation, beside the figures that the file of the row has had."""
    kept = {key: found[key] for key in KEPT} | {"minutes": round(minutes, 1)}
    if before.exists():
        earlier = json.loads(before.read_text(encoding="utf-8"))
        kept["previous"] = {
            "recipe": earlier["recipe"],
            "folds": earlier["folds"],
            "pooled": {name: spread["mean"] for name, spread in earlier["pooled"].items()},
        }
    return kept


if __name__ == "__main__":
    sys.exit(main())
