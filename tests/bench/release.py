"""`python -m tests.bench.release --run FOLDER`: how long a release of a finished run takes, from order to manifest.

The run's folder is laid out as the trainer does, and the exporter has its default settings: the child that makes and
proves the files, the engine that answers without torch, the package and its manifest. The store is one in memory.
Printed as JSON, one line for each try: seconds of the clock, seconds of a core (user and system, children included, by
process), and the peak memory of the largest process. The first line names the machine and its load. Every other try is
one whose child waited for the order, as the service has it (`prepared`): what it took before is `ahead_cpu_s`.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil
from truscore.datasets import index_from_json
from truscore.recipes import recipe_from_json
from truscore.storage import MemoryStore, ObjectRef

from services.exporter.app import create_exporter
from services.exporter.exporting import Exporter
from services.exporter.order import ExportOrder
from services.exporter.prepared_child import PreparedChildren
from services.exporter.release_store import ReleaseStore
from services.exporter.settings import Settings
from tests.bench.exported_run import best_checkpoint
from tests.bench.exports import machine

REST_S = 1.0  # without a tick of its clock a child waits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="a finished run's folder")
    parser.add_argument("--format", action="append", help="onnx without one")
    parser.add_argument("--tries", type=int, default=3)
    arguments = parser.parse_args()
    _write(machine())
    formats = tuple(arguments.format or ("onnx",))
    for number in range(arguments.tries):
        for prepared in (False, True):
            line = asyncio.run(measured(arguments.run, formats, prepared=prepared))
            _write({"try": number, "formats": formats, "prepared": prepared, **line})
    return 0


async def measured(run: Path, formats: tuple[str, ...], *, prepared: bool) -> dict[str, Any]:
    store = MemoryStore()
    order = ordered(store, run, formats)
    with tempfile.TemporaryDirectory() as folder:
        exporter = exporter_on(store, Path(folder))
        children, exporter = exporter.prepared, replace(exporter, prepared=None)  # none is made ready for a next order
        ahead_s = await _at_rest(children) if prepared and children is not None else 0.0
        before, began_s = _cores(), perf_counter()
        outcome = await exporter.export(order)
        wall_s = perf_counter() - began_s
        spent = {name: round(after - before[name], 2) for name, after in _cores().items()}
    spent["children_cpu_s"] = round(spent["children_cpu_s"] - ahead_s, 2)
    made = {each.format: each for each in (outcome.release.artifacts if outcome.release else ())}
    return {
        "wall_s": round(wall_s, 2),
        **spent,
        "ahead_cpu_s": round(ahead_s, 2),
        "load": round(os.getloadavg()[0], 1),
        "peak_child_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "made": {name: each.parity.images for name, each in made.items()},
        "refused": {each.format: f"{each.code}: {each.message}"[:300] for each in outcome.refusals},
    }


async def _at_rest(children: PreparedChildren) -> float:
    """Has one wait, and returns the seconds of a core that it took, once it takes no more."""
    await children.prepare()
    (child,) = [each for each in psutil.Process().children() if "--wait" in each.cmdline()]
    spent = [-1.0, 0.0]
    while spent[-1] > spent[-2] or not spent[-1] or child.status() == psutil.STATUS_RUNNING:
        await asyncio.sleep(REST_S)
        spent.append(child.cpu_times().user + child.cpu_times().system)
    return spent[-1]


def exporter_on(store: MemoryStore, folder: Path) -> Exporter:
    """As the service wires it with its default settings, on another store."""
    nowhere = dict.fromkeys(("amqp_url", "s3_access_key", "s3_secret_key"), "nowhere")
    settings = Settings(exporter_workdir=folder / "work", s3_endpoint="http://localhost:1", **nowhere)  # type: ignore[arg-type]
    wired = create_exporter(settings)
    return replace(wired, store=store, releases=ReleaseStore(store, bucket=settings.bucket))


def ordered(store: MemoryStore, run: Path, formats: tuple[str, ...]) -> ExportOrder:
    """The order of the run, all that it names in the store."""
    job = json.loads((run / "order.json").read_text(encoding="utf-8"))
    recipe = recipe_from_json(json.dumps(job["recipe"]))
    index = index_from_json((run / job["index"]).read_bytes())
    maps = [found for lit_object in index.objects for found in lit_object.maps]
    for path in [file.path for file in (*index.images, *maps)]:
        store.put_file(f"s3://bench/dataset/{path}", Path(job["images"]) / path)

    def kept(name: str, path: Path) -> ObjectRef:
        stored = store.put_file(f"s3://bench/run/{name}", path)
        return ObjectRef(uri=stored.uri, sha256=stored.sha256)

    return ExportOrder(
        run_id=job["run_id"],
        checkpoint=kept("best.pt", best_checkpoint(run)),
        index=kept("index.json", run / job["index"]),
        split=kept("split.json", run / job["split"]),
        dataset_id="bench",
        dataset_version="1",
        dataset_uri="s3://bench/dataset/",
        category=recipe.category,
        option=recipe.option,
        architecture=recipe.architecture,
        metrics={},
        formats=formats,
    )


def _cores() -> dict[str, float]:
    """Seconds of a core so far: of this process, and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"own_cpu_s": own.ru_utime + own.ru_stime, "children_cpu_s": children.ru_utime + children.ru_stime}


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
