"""Datasets of any number of images without a picture: measures are simulated, all else is the code that validates.

Rows of measures, as workers send them, are merged into the cache by content digest; each record and its statistics are
taken from there, get the two borders of a card, and go where reading puts them; rules, report, page, index and digest
follow. Every tenth image has a fault: dark, blurred, a border outside, a copy, or a near copy of the image before.
`python -m tests.measuring.simulated_sets COUNT` prints figures of its own process, `… COUNT listing` those of listing
so many objects and of finding the images among them, which another process does.
"""

import hashlib
import json
import re
import resource
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from truscore.dataset_versions import content_digest
from truscore.datasets import (
    Annotation,
    DatasetIndex,
    ImageRecord,
    Limits,
    ReadResult,
    ScanCache,
    write_index,
)
from truscore.datasets.index.stored_images import StoredImages, StoredMeasurements
from truscore.storage import Entry
from truscore.validation import (
    CacheOptions,
    Policy,
    Verdict,
    expectation_of,
    findings_for_event,
    merge_rows,
    report_page,
    report_to_json,
    validate_dataset,
)
from truscore.validation.measured_images import STATS_ROWS, Row, scan_cache
from truscore.validation.measures.image_stats import ImageStats

from services.dataset_validator.listing import build_listing
from services.dataset_validator.sharding.premeasuring import images_of
from tests.measuring.validation_memory import border_mark

NAMES = ("outer_border", "graphical_border")
SHARD = 512
FAULTY = 10
THUMBNAIL_PX = 512
PREFIX = "s3://sets/million/"


def path_of(number: int) -> str:
    return f"images/{number // 1000:05}/card_{number:07}.jpg"


def digest_of(number: int) -> str:
    # A copy of the image before, once in a hundred.
    return hashlib.sha256(str(number - 1 if number % 100 == 50 else number).encode()).hexdigest()


def row_of(number: int) -> Row:
    """What a worker says of an image."""
    digest = digest_of(number)
    prints = "".join(hashlib.sha256(f"{digest}{part}".encode()).hexdigest() for part in range(2))
    near = hashlib.sha256(f"{digest_of(number - 1)}0".encode()).hexdigest()[:15] + "0" if number % 100 == 70 else ""
    shade = int(digest[:2], 16) / 8
    measured = {
        "mean": 12.0 if number % 100 == 10 else 100.0 + shade,
        "sharpness": 2.0 if number % 100 == 30 else 2000.0 + shade,
        "dark_share": 0.9 if number % 100 == 10 else 0.0,
        "colour": 30.0 + shade / 8,
        "warmth": 3.0 + shade / 8,
        "thumbnail": (digest * 5)[:320],
        "dihedral_hashes": prints,
    }
    record = {
        "sha256": digest,
        "size_bytes": 60_000 + number % 999,
        "perceptual_hash": near or prints[:16],
        "orientation_hashes": prints[:64],
    }
    row = {"fault": None, "record": _RECORD | record, "frames": 1, "measurement": _STATS | measured}
    return digest, json.dumps(row, separators=(",", ":"))


_RECORD = asdict(ImageRecord(path="", sha256="", size_bytes=0, width=640, height=896))
_STATS = asdict(ImageStats(mean=0.0, spread=180.0, sharpness=0.0, dark_share=0.0, bright_share=0.0, entropy=7.0))


def marks_of(number: int) -> tuple[Annotation, Annotation]:
    margin = -40.0 if number % 100 == 90 else 20.0 + number % 7 + number % 1009 / 1009
    return border_mark(1, margin, number), border_mark(2, margin + 40, number)


def merged(count: int, work: Path) -> Iterator[tuple[ImageRecord, ImageStats]]:
    """Records and statistics of so many images, merged into a cache shard by shard and read from there."""
    limits = Limits()
    cache = CacheOptions(file=work / "measures.sqlite", limit_bytes=2**40)
    for start in range(0, count, SHARD):
        numbers = range(start, min(start + SHARD, count))
        rows = [row_of(number) for number in numbers]
        wanted = frozenset(map(digest_of, numbers))
        merge_rows(cache, rows, wanted=wanted, thumbnail_px=THUMBNAIL_PX, limits=limits)
    with scan_cache(cache, thumbnail_px=THUMBNAIL_PX, limits=limits) as kept:
        for number in range(count):
            yield _found(kept, number)


def _found(kept: ScanCache, number: int) -> tuple[ImageRecord, ImageStats]:
    scan = kept.get(digest_of(number), path_of(number))
    assert scan is not None
    assert scan.record is not None
    return replace(scan.record, annotations=marks_of(number)), scan.measurement


def reading_in_file(count: int, work: Path) -> ReadResult:
    """As a reader gives it of very many images."""
    images = StoredImages()
    measurements = StoredMeasurements(images, to_row=STATS_ROWS.to_row, from_row=STATS_ROWS.from_row)
    for record, stats in merged(count, work):
        images.append(record)
        measurements.append(stats)
    index = DatasetIndex(format="coco", class_names=NAMES, images=images)
    return ReadResult(index=index, problems=(), measurements=measurements)


def reading_in_memory(count: int, work: Path) -> ReadResult:
    """As a reader gives it of few."""
    rows = list(merged(count, work))
    index = DatasetIndex(format="coco", class_names=NAMES, images=tuple(record for record, _ in rows))
    return ReadResult(index=index, problems=(), measurements={record.path: stats for record, stats in rows})


def verdict_of(reading: ReadResult) -> Verdict:
    return validate_dataset(reading, expectation=expectation_of("border_detection", "dual_class"), policy=Policy())


def written(reading: ReadResult, folder: Path) -> dict[str, object]:
    """Judge, and write what is stored of a verdict; figures of that."""
    verdict = verdict_of(reading)
    report = report_to_json(verdict, about={})
    (folder / "report.json").write_text(report)
    (folder / "report.html").write_text(report_page(report, verdict, root=folder))
    assert reading.index is not None
    with (folder / "index.json").open("w", encoding="utf-8") as file:
        digest = write_index(reading.index, file)
    return {
        "digest": digest,
        "findings": sum(found.count for found in verdict.findings),
        "findings_listed": len(verdict.findings),
        "findings_in_event": len(findings_for_event(verdict.findings)),
        "report_bytes": (folder / "report.json").stat().st_size,
        "page_bytes": (folder / "report.html").stat().st_size,
        "index_bytes": (folder / "index.json").stat().st_size,
    }


def listed(count: int) -> dict[str, object]:
    """List so many objects, and find the images among them by content."""
    entries = (Entry(uri=PREFIX + path_of(number), size_bytes=60_000, etag=f"{number:032x}") for number in range(count))
    listing = build_listing(entries, prefix=PREFIX, most_bytes=2**60)
    digests = {one.path: digest_of(number) for number, one in enumerate(listing.files)}
    return {"content": content_digest(digests), "images": len(images_of(listing, digests))}


def figures(count: int, *, listing: bool) -> dict[str, object]:
    """Of this process, which did nothing else."""
    if listing:
        found = listed(count)
    else:
        with tempfile.TemporaryDirectory() as name:
            found = written(reading_in_file(count, Path(name)), Path(name))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = used.ru_utime + used.ru_stime
    return {"images": count, "peak_bytes": peak_bytes(), "cpu_s": round(cpu_s, 1), **found}


def peak_bytes() -> int:
    """The most memory that this process ever had; not ru_maxrss, which starts with what its parent had taken."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024  # type: ignore[index]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures(int(sys.argv[1]), listing="listing" in sys.argv)) + "\n")
