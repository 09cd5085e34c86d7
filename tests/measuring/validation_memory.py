"""Most memory that validating an index takes, with report and index written.

The index is synthesized: each image has two borders of four corners, and pixels that measure like a photograph.
`python -m tests.measuring.validation_memory COUNT` prints the bytes of its own process.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from truscore.datasets import Annotation, DatasetIndex, ImageRecord, ReadResult, index_to_json
from truscore.validation import Policy, expectation_of, report_page, report_to_json, validate_dataset
from truscore.validation.measures.image_stats import ImageStats

REPOSITORY = Path(__file__).parents[2]
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
        annotations=(border_mark(1, 20.0 + inset, number), border_mark(2, 60.0 + inset, number)),
    )


def border_mark(label: int, margin: float, number: int) -> Annotation:
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
    """Validate, write, and give the most memory that this process ever had."""
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
    """Of a process of its own that validates this many images, with report and index written."""
    command = [sys.executable, "-m", "tests.measuring.validation_memory", str(count)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=1800)
    return int(done.stdout)


if __name__ == "__main__":
    sys.stdout.write(f"{validated_peak_bytes(int(sys.argv[1]))}\n")
