"""The bounds within which an untrusted dataset is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from truscore.process.cores import usable_cores


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds on what is read from an untrusted dataset."""

    files: int = 4_000_000
    folder_depth: int = 16
    image_pixels: int = 120_000_000
    image_bytes: int = 256 * 1024 * 1024
    annotation_file_bytes: int = 512 * 1024 * 1024
    label_file_bytes: int = 16 * 1024 * 1024
    json_depth: int = 32
    annotations_per_image: int = 100_000
    points_per_polygon: int = 100_000
    lights_per_object: int = 10_000
    problems_per_code: int = 200
    records_in_memory: int = 50_000  # of more images the records lie in a file
    workers: int = field(default_factory=usable_cores)  # images scanned at once
    pixels_at_once: int = 240_000_000  # of all images that are decoded at the same time
