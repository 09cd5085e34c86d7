"""Images per second and core of the validator beside CleanVision, and what a second run costs and fetches.

`python -m tests.bench.validator_speed [--images N] [--json]`. Both see the same images and look for what CleanVision
looks for: exact and near duplicates, blur, dark and light images, low information, odd sizes and aspects, grey images.
Ours looks for all else in its catalogue in the same run. A core is a second of processor time (user and system, all
threads and children), so that a busy machine changes little. CleanVision is a measured competitor and no dependency:
it lives in an environment of its own, `.local/cleanvision`, made on the first run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from truscore.process.cores import usable_cores

from tests.bench.validator_fetching import service_rerun
from tests.bench.validator_pictures import as_dataset, changed, published_images, rendered_images

REPOSITORY = Path(__file__).parents[2]
RIVAL = REPOSITORY / ".local" / "cleanvision"
TARGET_RATIO = 3.0
RERUN_TARGET = 0.03
CHANGED_SHARE = 0.01
# As the service's reader does: libraries are loaded, then taken out of the garbage collector's sight.
OURS = """
import gc
from pathlib import Path
from truscore.validation import CacheOptions, validate_folder
validate_folder(Path(FOLDER).parent / "warm")
gc.freeze()
def work(): return validate_folder(Path(FOLDER), cache=CacheOptions(file=Path(REMEMBERED)) if REMEMBERED else None)
"""
THEIRS = """
import logging, warnings
warnings.simplefilter("ignore")
from cleanvision import Imagelab
def work(): Imagelab(data_path=FOLDER).find_issues(n_jobs=1, verbose=False)
"""
MEASURE = """
import json, os, resource, sys, time
def cpu_s():
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
said = os.dup(1); os.dup2(2, 1)
began = cpu_s(), time.perf_counter()
work()
os.write(said, json.dumps([cpu_s() - began[0], time.perf_counter() - began[1]]).encode())
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one run, without starting Python and importing."""

    cpu_s: float
    wall_s: float


def cost(python: Path | str, program: str, folder: Path, remembered: Path | None = None) -> Cost:
    """Run the program's `work()` on the folder in a process of its own."""
    text = f"FOLDER = {str(folder)!r}\nREMEMBERED = {str(remembered or '')!r}\n{program}\n{MEASURE}"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(python), "-c", text], env=environment, cwd=REPOSITORY, capture_output=True,
        timeout=3600, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the measured run failed: {done.stderr.decode(errors='replace')[-2000:]}")
    cpu_s, wall_s = json.loads(done.stdout)
    return Cost(cpu_s=cpu_s, wall_s=wall_s)


def rival() -> Path:
    """CleanVision's Python, installed where it is not yet."""
    python = RIVAL / "bin" / "python"
    if (
        subprocess.run([python, "-c", "import cleanvision"], check=False, capture_output=True).returncode
        if python.exists()
        else True
    ):
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--allow-existing", str(RIVAL)], check=True)
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), "cleanvision"], check=True)
    return python


def measure(images: int) -> dict[str, object]:
    """All figures."""
    shared = Path(os.environ.get("TRUSCORE_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as name:
        work = Path(name)
        from_data = shared.is_dir()
        pictures = published_images(shared, most=images) if from_data else rendered_images(work / "cards", count=images)
        as_dataset(pictures[:4], work / "warm")
        folder = as_dataset(pictures, work / "set")
        # A run beforehand, so that files are in memory for both.
        cost(sys.executable, OURS, folder)
        ours = cost(sys.executable, OURS, folder)
        theirs = cost(rival(), THEIRS, folder / "images")
        again = rerun(folder, work / "results.sqlite") | service_rerun(folder, work / "service")
    count = len(pictures)
    return {
        "images": count,
        "of": "real images of all sizes" if from_data else "rendered cards of 640 px",
        "ours_images_per_core_s": round(count / ours.cpu_s, 1),
        "cleanvision_images_per_core_s": round(count / theirs.cpu_s, 1),
        "ratio": round(theirs.cpu_s / ours.cpu_s, 2),
        "target_ratio": TARGET_RATIO,
        "ours_images_per_s": round(count / ours.wall_s, 1),
        "cores": usable_cores(),
        "ours": asdict(ours),
        "cleanvision": asdict(theirs),
        **again,
    }


def rerun(folder: Path, remembered: Path) -> dict[str, object]:
    """What it costs to look again after one image in a hundred changed."""
    # The least of two: others on the machine cost processor time too, by what they push out of its caches.
    first = min(_fresh(folder, remembered) for _ in range(2))
    again = []
    for seed in range(1, 4):
        count = changed(folder, share=CHANGED_SHARE, seed=seed)
        again.append(cost(sys.executable, OURS, folder, remembered).cpu_s)
    return {
        "changed_images": count,
        "first_cpu_s": first,
        "rerun_cpu_s": again,
        "rerun_share_of_first": round(statistics.median(again) / first, 4),
        "rerun_target": RERUN_TARGET,
        "results_bytes": remembered.stat().st_size,
    }


def _fresh(folder: Path, remembered: Path) -> float:
    remembered.unlink(missing_ok=True)
    return cost(sys.executable, OURS, folder, remembered).cpu_s


def main() -> int:
    """Measure and print; 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.images)
    text = json.dumps(figures) if options.json else "\n".join(f"{name:30} {value}" for name, value in figures.items())
    sys.stdout.write(f"{text}\n")
    return 0 if figures["ratio"] >= TARGET_RATIO and figures["rerun_share_of_first"] <= RERUN_TARGET else 1  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
