"""`python -m services.studio.child.whole JOB`: what concerns a whole dataset: reads a folder that is to be imported,
writes a version, counts and divides a draft, shows what training makes of it.

The job is a JSON file; the outcome is written beside it. It ends when its standard input does.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truscore.process.die_with_parent import end_with_stdin

from services.studio.child import inspecting, previewing
from services.studio.child.__main__ import load_libraries
from services.studio.child.bounds import hold_to, mapped_bytes
from services.studio.child.gathering import gather

if TYPE_CHECKING:
    from truscore.datasets import DatasetIndex

OUTCOME = "outcome.json"
INDEX = "index.json"
MOST_NAMED = 50


def main(arguments: list[str]) -> int:
    path = Path(arguments[0])
    job: dict[str, Any] = json.loads(path.read_text())
    end_with_stdin()
    load_libraries()
    beside = 0
    if job["what"] == "preview":
        try:
            previewing.load()
        except ModuleNotFoundError as error:
            outcome = {
                "fault": f"{error.name} is not installed beside the studio: `truscore augment` shows it where it is"
            }
            (path.parent / OUTCOME).write_text(json.dumps(outcome))
            return 0
        beside = mapped_bytes()
    hold_to(job["memory_bytes"] + beside)
    outcome = JOBS[job["what"]](job, path.parent)
    (path.parent / OUTCOME).write_text(json.dumps(outcome))
    return 0


def _read(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    from truscore.datasets import Limits, index_to_json, read_dataset

    limits = Limits(image_bytes=job["most_bytes"], image_pixels=job["most_pixels"])
    reading = read_dataset(Path(job["folder"]), limits=limits)
    if reading.index is not None:
        (folder / INDEX).write_text(index_to_json(reading.index))
    problems = [f"{each.location}: {each.message}" if each.location else each.message for each in reading.problems]
    return {"read": reading.index is not None, "problems": problems[:MOST_NAMED], "count": len(problems)}


def _write(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the version, read it again, and say what differs: nothing, or it is not published."""
    from truscore.datasets import index_from_json, read_dataset
    from truscore.datasets.formats.capacity import LossyConversion
    from truscore.datasets.formats.writing import write_dataset
    from truscore.datasets.index.comparison import compare

    index = index_from_json((folder / INDEX).read_text())
    source, out = folder / "source", Path(job["out"])
    gather(job["files"], source)
    try:
        written = write_dataset(index, source, out, format=job["format"], lossy=job["lossy"])
    except LossyConversion as error:
        return {"losses": list(error.losses), "written": False, "difference": ""}
    except (ValueError, OSError) as error:
        return {"losses": [], "written": False, "difference": str(error)}
    finally:
        shutil.rmtree(source, ignore_errors=True)
    again = read_dataset(out, format=job["format"])
    if again.index is None:
        reasons = "; ".join(each.message for each in again.problems[:3])
        return {"losses": [], "written": False, "difference": f"what was written can't be read again: {reasons}"}
    found = "" if written.losses else _difference(compare(_at_new_paths(index, written.paths), again.index))
    return {"losses": list(written.losses), "written": not found, "difference": found}


def _at_new_paths(index: DatasetIndex, paths: Any) -> DatasetIndex:
    from dataclasses import replace

    return replace(index, images=tuple(replace(image, path=paths[image.path]) for image in index.images))


def _difference(found: Any) -> str:
    from dataclasses import asdict

    if found.is_empty:
        return ""
    parts = (f"{name}: {value!r:.200}" for name, value in asdict(found).items() if value)
    return f"what was written says something else when it is read again ({'; '.join(parts)})"


JOBS = {"read": _read, "write": _write, "inspect": inspecting.inspect, "preview": previewing.preview}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
