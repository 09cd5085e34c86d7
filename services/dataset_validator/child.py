"""Reads one dataset in a process of its own, so that a crashing or greedy image library takes nothing down with it.

`python -m services.dataset_validator.child JOB` reads the job file and writes `result.json`, and where the dataset was
read `report.json`, `report.html` and `index.json`, beside it. Progress goes to standard output. It ends when
its standard input does: nothing waits for it any more.
"""

import faulthandler
import gc
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from truscore.process.die_with_parent import end_with_stdin

from services.dataset_validator.confinement import confine, load_image_libraries
from services.dataset_validator.job import (
    INDEX,
    OUTCOME,
    PAGE,
    REPORT,
    Job,
    ReaderResult,
    job_from_json,
    result_to_json,
)
from services.dataset_validator.seen_images import SEEN, line_writer

if TYPE_CHECKING:
    from truscore.validation import CacheOptions

PROGRESS_EVERY_S = 0.5


def main(arguments: list[str]) -> int:
    """Read and validate; the exit code is 0 whatever the verdict."""
    faulthandler.enable()
    path = Path(arguments[0])
    job = job_from_json(path.read_text())
    end_with_stdin()
    load_image_libraries()
    confine(job.memory_bytes)
    try:
        result = _validate(job, path.parent)
    except MemoryError:
        result = ReaderResult(out_of_memory=True)
    (path.parent / OUTCOME).write_text(result_to_json(result))
    return 0


def _validate(job: Job, folder: Path) -> ReaderResult:
    from truscore.datasets import Limits, write_index
    from truscore.validation import Severity, ValidationCallbacks, findings_for_event, validate_folder
    from truscore.validation.report import ReportSignature, report_page, report_to_json

    # What was imported lives as long as the process: a quarter of a rerun went in looking at it again and again.
    gc.freeze()
    report_progress = _ProgressWriter().write
    with (folder / SEEN).open("w") as seen:
        verdict = validate_folder(
            Path(job.folder),
            format=job.format,
            category=job.category,
            option=job.option,
            architecture=job.architecture,
            policy=job.policy,
            class_names=job.class_names,
            limits=Limits(workers=job.workers),
            cache=_cache_options(job),
            callbacks=ValidationCallbacks(
                on_progress=report_progress, on_start=line_writer(seen, "+"), on_end=line_writer(seen, "-")
            ),
        )
        report_progress("reporting", 0, 0)
        report = report_to_json(verdict, about=job.about, signature=ReportSignature(key_id=job.key_id))
        (folder / REPORT).write_text(report)
        (folder / PAGE).write_text(report_page(report, verdict, root=Path(job.folder)))
    index = verdict.index
    digest = ""
    if index is not None:
        with (folder / INDEX).open("w", encoding="utf-8") as file:
            digest = write_index(index, file)
    return ReaderResult(
        findings=findings_for_event(verdict.findings),
        error_count=verdict.count(Severity.ERROR),
        warning_count=verdict.count(Severity.WARNING),
        dataset_digest=digest,
        format=index.format if index else "",
        image_count=len(index.images) if index else 0,
        annotation_count=index.annotation_count if index else 0,
        class_names=index.class_names if index else (),
    )


def _cache_options(job: Job) -> "CacheOptions | None":
    from truscore.datasets import FileReuse
    from truscore.validation import CacheOptions

    if not job.cache_file:
        return None
    return CacheOptions(file=Path(job.cache_file), limit_bytes=job.scan_cache_bytes, files=FileReuse.TRANSIENT)


class _ProgressWriter:
    """Writes progress to standard output, a line of JSON each time, at most every PROGRESS_EVERY_S within a stage."""

    def __init__(self) -> None:
        self._stage, self._written_at = "", 0.0

    def write(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._written_at < PROGRESS_EVERY_S:
            return
        self._stage, self._written_at = stage, now
        sys.stdout.write(json.dumps([stage, done, total]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
