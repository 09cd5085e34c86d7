"""`python -m tests.bench.exports [NETWORK ...]`: every format of these networks beside the checkpoint, one table.

Networks have random weights, made to have opinions, at the side of their small recipe; each file passes the gate first.
Printed as JSON, one line for each network and format: size, cold load (file to first answer), latency at batch 1 (p50,
p95, p99), pictures a second, and the process's peak memory so far; eager and, with `--compile`, `torch.compile` in the
same run, in turn with the file, on the same pictures. `--release` adds the seconds of each phase of an `onnx` release.
The first line names the machine, its instruction set and its threads. Files take one picture: there is no batch of 8.
The last lines say what was aimed at and what was reached, over the networks that were run: `onnx` 1.3 times eager of
every network and 1.6 in the median, `quantized` 1.5 times `onnx` where the CPU has VNNI or AMX.

`--run FOLDER`, a finished run's, prints another table: the task's metrics of its checkpoint and of each file on the
validation and test images, and what the gate says. With `--untried` also of formats that the matrix refuses.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from truscore.catalog.export_formats import why_not
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import ROWS, Row
from truscore.recipes import resolve
from truscore.zoo import build_model

from services.exporter.child import benchmark
from services.exporter.child.benchmark import Stopwatch
from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.export_target import ExportTarget, Picture
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import ConversionContext, make_artifact
from services.exporter.child.refused import ExportRefused
from services.exporter.task import Task
from tests.bench.exported_run import lines_of_run
from tests.unit.exporter.small_networks import certain

NAMES = ("first", "second")
ROUNDS = 30
# Height and width: portrait and landscape scans of cards, brought to the size of a telephone's preview.
SHAPES = ((448, 320), (320, 448))
ONNX_TIMES_EAGER, ONNX_TIMES_EAGER_MEDIAN, INT8_TIMES_ONNX = 1.3, 1.6, 1.5
INT8_INSTRUCTIONS = {"avx512_vnni", "avx_vnni", "amx_int8"}
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", choices=(*NETWORKS, []), metavar="NETWORK", help="all without a name")
    parser.add_argument("--compile", action="store_true", help="torch.compile beside; takes a compiler, and long")
    parser.add_argument("--release", action="store_true", help="the phases of a release of onnx")
    parser.add_argument(
        "--run", type=Path, metavar="FOLDER", help="a finished run's folder: its metrics in each format"
    )
    parser.add_argument("--format", action="append", choices=tuple(FORMATS), help="of a run; all without one")
    parser.add_argument("--untried", action="store_true", help="of a run, formats too that the matrix refuses")
    arguments = parser.parse_args()
    _write(machine())
    if arguments.run:
        for line in lines_of_run(arguments.run, arguments.format or tuple(FORMATS), untried=arguments.untried):
            _write(line)
        return
    found = []
    for network in arguments.networks or NETWORKS:
        for line in lines(network, compiled=arguments.compile, release=arguments.release):
            _write(line)
            found.append(line)
    for line in goals(found, instructions=machine()["instructions"]):
        _write(line)


def goals(found: Sequence[Mapping[str, Any]], *, instructions: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each goal, what was reached over the lines of `lines`, and where it was missed."""
    p50_ms = {(line["network"], line["format"]): line["file"]["p50_ms"] for line in found if "file" in line}
    eager = {line["network"]: line["times_eager"] for line in found if line.get("format") == "onnx" and "file" in line}
    if eager:
        yield _reached("onnx, times eager, every network", ONNX_TIMES_EAGER, min(eager.values()), eager)
        middle = statistics.median(eager.values())
        yield _reached("onnx, times eager, median", ONNX_TIMES_EAGER_MEDIAN, middle, {"median": middle})
    int8 = {
        network: round(p50_ms[network, "onnx"] / p50_ms[network, "quantized"], 2)
        for network in eager
        if (network, "quantized") in p50_ms
    }
    if int8 and INT8_INSTRUCTIONS & set(instructions):
        yield _reached("quantized, times onnx, every network", INT8_TIMES_ONNX, min(int8.values()), int8)
    elif int8:
        yield {
            "goal": "quantized, times onnx",
            "not_asked": f"this CPU has none of {sorted(INT8_INSTRUCTIONS)}",
            **int8,
        }


def _reached(goal: str, least: float, reached: float, of: Mapping[str, float]) -> dict[str, Any]:
    missed = {name: value for name, value in of.items() if value < least}
    return {
        "goal": goal,
        "at_least": least,
        "reached": round(reached, 2),
        "held": not missed,
        "of": len(of),
        "missed_by": missed,
    }


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def machine() -> dict[str, Any]:
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": [each for each in INSTRUCTIONS if each in flags],
        "load_1min": os.getloadavg()[0],
        "torch": torch.__version__,
    }


def lines(network: str, *, compiled: bool, release: bool) -> Iterator[dict[str, Any]]:
    target = target_of(network)
    with tempfile.TemporaryDirectory() as folder:
        task = Task(
            checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1, output_folder=folder, provenance={}
        )
        context = conversion_context(target, pictures(), task, calibration=pictures())
        if release:
            yield {"network": network, "release_s": phases(context)}
        others = {"eager": target.run_eager} | ({"compiled": compiled_run(target)} if compiled else {})
        for name in FORMATS:
            if reason := why_not(NETWORKS[network], name):
                yield {"network": network, "format": name, "refused": reason}
                continue
            yield {"network": network, "format": name, **measured(name, context, others)}


def measured(
    name: str, context: ConversionContext, others: Mapping[str, Callable[[Picture], object]]
) -> dict[str, Any]:
    try:
        artifact = make_artifact(FORMATS[name], context)
    except ExportRefused as refused:
        return {"refused": refused.message[:300]}
    began_s = perf_counter()
    run = FORMATS[name].load(context.folder / artifact.file_name, artifact.signature)
    run(context.source.pictures[0])
    cold_s = perf_counter() - began_s
    found = timed({"file": run, **others}, context.source.pictures)
    eager, file = found["eager"]["p50_ms"], found["file"]["p50_ms"]
    return {
        "size_bytes": artifact.size_bytes,
        "cold_load_s": round(cold_s, 3),
        **found,
        "times_eager": round(eager / file, 2),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def timed(runs: Mapping[str, Callable[[Picture], object]], pictures: Sequence[Picture]) -> dict[str, dict[str, float]]:
    """In turn, so that a busy host hits all of them."""
    for run in runs.values():
        run(pictures[0])
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for picture_CHW in pictures:
            for name, run in runs.items():
                began_s = perf_counter()
                run(picture_CHW)
                spent[name].append((perf_counter() - began_s) * 1000)
    return {
        name: {
            **{f"p{share}_ms": round(float(np.percentile(each, share)), 2) for share in (50, 95, 99)},
            "images_per_s": round(1000 / statistics.mean(each), 1),
        }
        for name, each in spent.items()
    }


def phases(context: ConversionContext) -> dict[str, float]:
    """Of a release of `onnx`, after the process has imported what it needs."""
    kind, path = FORMATS["onnx"], context.folder / "phases.onnx"
    marks = [("", perf_counter())]
    kind.make(context.source, path)
    marks.append(("make", perf_counter()))
    run = Stopwatch(kind.load(path, context.source.target.signature))
    marks.append(("load", perf_counter()))
    context.gate.verdict(run, precision=kind.precision)
    marks.append(("gate", perf_counter()))
    benchmark.measure(run, context.gate.eager, context.source.pictures, rounds=3)
    marks.append(("benchmark", perf_counter()))
    return {name: round(at - before, 2) for (_, before), (name, at) in pairwise(marks)}


def compiled_run(target: ExportTarget) -> Callable[[Picture], object]:
    graph = torch.compile(target.static_graph or target.graph, dynamic=True)

    def run(image_CHW: Picture) -> object:
        with torch.no_grad():
            return graph(torch.from_numpy(image_CHW))

    return run


def target_of(network: str) -> ExportTarget:
    row = next(row for row in ROWS if row.available and network in row.bases)
    model = certain(build_model(recipe_of(row, network), len(NAMES)).eval())
    return export_target_of(model, NAMES, kind=row.task)


def recipe_of(row: Row, network: str) -> Any:
    torch.manual_seed(2)
    # Without what a head adds: that may be in the way of a format that the network has.
    architecture = {"base_architecture": network, "custom_modifications": {"head_customization": "standard"}}
    overrides = {"image_size": NETWORKS[network].image_size, "architecture_config": architecture}
    return resolve(row.category, row.option, row.architecture, overrides)


def pictures() -> list[Picture]:
    """Noise with a square on it: something with edges at every scale."""
    made = []
    for height, width in SHAPES:
        image_CHW = np.random.default_rng(height).random((3, height, width), np.float32)
        image_CHW[:, height // 4 : height // 2, width // 4 : width // 2] = 1
        made.append(image_CHW)
    return made


if __name__ == "__main__":
    main()
