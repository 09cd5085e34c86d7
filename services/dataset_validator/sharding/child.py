"""Measures the images of one shard in a process of its own: `python -m services.dataset_validator.sharding.child JOB`.

It keeps measures in a file beside the job, where a second try after a crash finds them, and writes them as rows. It
ends when its standard input does: nothing waits for it any more.
"""

import faulthandler
import json
import sys
from contextlib import suppress
from pathlib import Path

from truscore.process.die_with_parent import end_with_stdin

from services.dataset_validator.confinement import confine, load_image_libraries
from services.dataset_validator.seen_images import SEEN, line_writer
from services.dataset_validator.sharding.bounded_measuring import CACHE, OTHER_RELEASE, ROWS, MeasuringJob


def main(arguments: list[str]) -> int:
    """Measure; the exit code is 0 whatever the images are."""
    faulthandler.enable()
    path = Path(arguments[0])
    job = MeasuringJob(**json.loads(path.read_text()))
    end_with_stdin()
    load_image_libraries()
    confine(job.memory_bytes)
    return _measure(job, path.parent)


def _measure(job: MeasuringJob, work: Path) -> int:
    from truscore.datasets import FileReuse, Limits
    from truscore.validation import CacheOptions, measure_images, rows_of, unmeasured

    cache, limits = CacheOptions(file=work / CACHE, limit_bytes=2**40, files=FileReuse.TRUSTED), Limits(workers=1)
    _, measured_with = unmeasured(cache, (), thumbnail_px=job.thumbnail_px, limits=limits)
    if measured_with != job.measured_with:
        sys.stderr.write(f"measures here are {measured_with}, asked for are {job.measured_with}\n")
        return OTHER_RELEASE
    # What does not fit is left out with the rest of the shard: whoever judges meets the same bound.
    with (work / SEEN).open("w") as seen, suppress(MemoryError):
        measure_images(
            Path(job.folder), job.paths, thumbnail_px=job.thumbnail_px, cache=cache, limits=limits,
            on_start=line_writer(seen, "+"), on_end=line_writer(seen, "-"),
        )  # fmt: skip
    rows = rows_of(cache, thumbnail_px=job.thumbnail_px, limits=limits)
    (work / ROWS).write_text(json.dumps(rows, separators=(",", ":")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
