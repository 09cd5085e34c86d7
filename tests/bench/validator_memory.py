"""Most memory that judging an index takes, with report and index written: `python -m tests.bench.validator_memory`.

The index is synthesized: each image has two borders of four corners, and pixels that measure like a photograph.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from truscore.datasets import Annotation, DatasetIndex, ImageRecord, ReadResult, index_to_json
from truscore.validation import Policy, expectation_of, report_page, report_to_json, validate_dataset
from truscore.validation.measures.image_stats import ImageStats

REPOSITORY = Path(__file__).parents[2]
LIMIT_BYTES = 2**30
NAMES = ("outer_border", "graphical_border")


def synthesized(count: int) -> ReadResult:
    """A reading of this many images, no two alike."""
    images = tuple(_image(number) for number in range(count))
    index = DatasetIndex(format="coco", class_names=NAMES, images=images)
    return ReadResult(index=index, problems=(), measurements={image.path: _look(image) for image in images})


def _image(number: int) -> ImageRecord:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    inset = number % 7
    return ImageRecord(
        path=f"images/card_{number:07}.jpg",
        sha256=digest,
        size_bytes=60_000 + number % 999,
        width=640,
        height=896,
        perceptual_hash=digest[:16],
        orientation_hashes=digest,
        annotations=(_mark(1, 20.0 + inset, number), _mark(2, 60.0 + inset, number)),
    )


def _mark(label: int, margin: float, number: int) -> Annotation:
    right, bottom = 640 - margin, 896 - margin
    return Annotation(
        label=label,
        box_xywh=(margin, margin, right - margin, bottom - margin),
        polygons=((margin, margin, right, margin, right, bottom, margin, bottom),),
        source_id=str(2 * number + label),
    )


def _look(image: ImageRecord) -> ImageStats:
    dihedral_hashes = "".join(hashlib.sha256(f"{image.sha256}{turn}".encode()).hexdigest()[:16] for turn in range(8))
    shade = int(image.sha256[:2], 16) / 8
    return ImageStats(
        mean=100.0 + shade, spread=180.0, sharpness=2000.0 + shade, dark_share=0.0, bright_share=0.0, entropy=7.0,
        colour=30.0 + shade / 8, warmth=3.0 + shade / 8, thumbnail=(image.sha256 * 5)[:320],
        dihedral_hashes=dihedral_hashes,
    )  # fmt: skip


def validated_peak_bytes(count: int) -> int:
    """Judge, write and tell the most memory that this process ever had."""
    reading = synthesized(count)
    expectation = expectation_of("border_detection", "dual_class")
    with tempfile.TemporaryDirectory() as folder:
        verdict = validate_dataset(reading, expectation=expectation, policy=Policy())
        report = report_to_json(verdict, about={})
        (Path(folder) / "report.json").write_text(report)
        (Path(folder) / "report.html").write_text(report_page(report, verdict, root=Path(folder)))
        assert reading.index is not None
        (Path(folder) / "index.json").write_text(index_to_json(reading.index))
    # Not ru_maxrss: it starts with what the process that started this one had taken.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024  # type: ignore[index]


def peak_bytes(count: int) -> int:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.validator_memory", "--here", "--images", str(count)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=1800)
    return int(json.loads(done.stdout)["peak_bytes"])


def main() -> int:
    """Measure and print; 1 where it takes more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--here", action="store_true", help="in this very process")
    options = parser.parse_args()
    measure = validated_peak_bytes if options.here else peak_bytes
    peak = measure(options.images)
    figures = {"images": options.images, "peak_bytes": peak, "limit_bytes": LIMIT_BYTES}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0 if options.here or peak <= LIMIT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
