"""What a file that goes over a picture in tiles takes of a large one: ``python -m tests.bench.tiled_pictures``.

Prints seconds and the peak of memory of a process of its own that runs the file, with two threads: 2 GiB and 20 s are
what a grading engine has for a scan of 4,000 x 5,600 pixels. ``--picture`` and ``--tile`` take other sizes.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from truscore.inference.runtime import onnxruntime

DAMAGES = tuple(f"damage {number}" for number in range(1, 6))


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.tiled_pictures", description=__doc__)
    parser.add_argument("--picture", nargs=2, type=int, default=(5600, 4000), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--base", default="u_net_shufflenet_v2")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run, *options.picture)
        return 0
    with tempfile.TemporaryDirectory(prefix="truscore-tiles-") as folder:
        path = Path(folder) / "model.onnx"
        write(path, base=options.base, tile=options.tile)
        height, width = map(str, options.picture)
        command = [sys.executable, "-m", "tests.bench.tiled_pictures", "--picture", height, width, "--run", str(path)]
        return subprocess.run(command, check=False).returncode


def write(path: Path, *, base: str, tile: int) -> None:
    """A file of random weights: its time and memory are those of trained ones."""
    # Not above: the process that runs the file is measured, and an engine has no torch.
    import torch
    from truscore.recipes import resolve
    from truscore.zoo import build_model

    from services.exporter.child.convert import export_target_of
    from services.exporter.child.formats.onnx import graph_file

    overrides = {"image_size": tile, "sampling": "windows", "architecture_config": {"base_architecture": base}}
    recipe = resolve("corner_analysis", "damage_detection", "u_net", overrides)
    network = build_model(recipe, len(DAMAGES)).eval()
    target = export_target_of(network, DAMAGES, kind="semantic_segmentation")
    graph_file.write(target, path, torch.rand(3, tile + 100, tile).numpy())


def run(path: Path, height: int, width: int) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    image_CHW = np.random.default_rng(0).random((3, height, width), dtype=np.float32)
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    (answer_KHW,) = session.run(None, {"image": image_CHW})
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.write(
        f"{height} x {width} pixels, {len(answer_KHW)} classes: {seconds:.1f} s, {cpu_s:.1f} s of processor time; "
        f"at most {after.ru_maxrss / 2**20:.2f} GiB, {before.ru_maxrss / 2**20:.2f} before\n"
    )


if __name__ == "__main__":
    sys.exit(main())
