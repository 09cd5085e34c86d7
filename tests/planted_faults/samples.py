"""Clean sets of rendered cards, measured once, for faults to be planted in. H, W, C: height, width and colour."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from truscore.datasets import Annotation, DatasetIndex, ImageRecord, Limits, ScanOptions, read_dataset
from truscore.datasets.images.scan import scan_image
from truscore.synthesis import render_dataset
from truscore.validation import Policy, expectation_of
from truscore.validation.measures.image_stats import ImageStats, measure_image
from truscore.validation.rule_context import RuleContext

SIZE_PX = (256, 256)
PER_SET = 50
EXPECTED = expectation_of("border_detection", "dual_class")
Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """Rendered cards with what was measured of each."""

    folder: Path
    index: DatasetIndex
    measurements: dict[str, ImageStats]

    @staticmethod
    def rendered(folder: Path, *, count: int, seed: int) -> "Pool":
        render_dataset(folder, count=count, seed=seed, image_size=SIZE_PX)
        reading = read_dataset(folder, scan_options=_look())
        if reading.index is None or reading.problems:
            raise ValueError(f"the rendered cards are not clean: {reading.problems[:3]}")
        return Pool(folder=folder, index=reading.index, measurements=dict(reading.measurements))


@dataclass(kw_only=True, slots=True)
class Sample:
    """A set drawn from the pool, to be changed in place. `planted` names images; without any, the set is at fault."""

    pool: Pool
    random: np.random.Generator
    images: list[ImageRecord]
    names: tuple[str, ...] = ("outer_border", "graphical_border")
    measurements: dict[str, ImageStats] = field(default_factory=dict)
    planted: set[str] = field(default_factory=set)
    policy: Policy = field(default_factory=Policy)

    @staticmethod
    def drawn(pool: Pool, seed: tuple[int, ...], *, count: int = PER_SET) -> "Sample":
        random = np.random.default_rng(seed)
        chosen = sorted(random.choice(len(pool.index.images), size=min(count, len(pool.index.images)), replace=False))
        images = [pool.index.images[place] for place in chosen]
        return Sample(
            pool=pool,
            random=random,
            images=images,
            measurements={image.path: pool.measurements[image.path] for image in images},
        )

    def rule_context(self) -> RuleContext:
        index = DatasetIndex(format="coco", class_names=self.names, images=tuple(self.images))
        return RuleContext(index=index, expectation=EXPECTED, image_stats=self.measurements, policy=self.policy)

    def anywhere(self) -> int:
        return int(self.random.integers(len(self.images)))

    def change(self, place: int, **changes: object) -> None:
        """Change a record, and note its image as planted."""
        self.images[place] = replace(self.images[place], **changes)
        self.planted.add(self.images[place].path)

    def marks(self, place: int, *marks: Annotation) -> None:
        self.change(place, annotations=marks)

    def every(self, change: Callable[[ImageRecord], ImageRecord]) -> None:
        """Change all records, without saying where the fault is."""
        self.images = [change(image) for image in self.images]

    def named(self, paths: Callable[[int], str]) -> None:
        """Give every image another path."""
        seen = [self.measurements.get(image.path) for image in self.images]
        self.images = [replace(image, path=paths(place)) for place, image in enumerate(self.images)]
        self.measurements = {image.path: pixels for image, pixels in zip(self.images, seen, strict=True) if pixels}

    def picture(self, place: int) -> Picture:
        """The pixels as rendered, [H, W, C]."""
        name = Path(self.images[place].path).name
        return np.asarray(Image.open(self.pool.folder / "images" / name).convert("RGB"))

    def repaint(
        self,
        place: int,
        image_HWC: Picture,
        *,
        quality: int = 92,
        path: str = "",
        marks: tuple[Annotation, ...] | None = None,
    ) -> ImageRecord:
        """Put other pixels in the place of an image, or add them under another path; annotations stay."""
        old = self.images[place]
        content = io.BytesIO()
        Image.fromarray(image_HWC).save(content, "JPEG", quality=quality)
        file = self.pool.folder / "scratch.jpg"
        file.write_bytes(content.getvalue())
        scan = scan_image(self.pool.folder, file.name, limits=Limits(), scan_options=_look())
        if scan.record is None:
            raise ValueError(f"cannot be read again: {scan.fault}")
        kept = old.annotations if marks is None else marks
        record = replace(scan.record, path=path or old.path, annotations=kept)
        self.measurements[record.path] = scan.measurement
        self.planted.add(record.path)
        if path:
            self.images.append(record)
        else:
            self.images[place] = record
        return record


def _look() -> ScanOptions:
    return ScanOptions(measure=lambda _path, image_HWC: measure_image(image_HWC, thumbnail_px=Policy().thumbnail_px))


def mark(label: int, box: tuple[float, float, float, float], **changes: object) -> Annotation:
    """A rectangle."""
    x, y, width, height = box
    polygon = (x, y, x + width, y, x + width, y + height, x, y + height)
    return replace(Annotation(label=label, box_xywh=box, polygons=(polygon,), source_id="planted"), **changes)


def around(polygon: tuple[float, ...]) -> tuple[float, float, float, float]:
    """The box of a polygon."""
    xs, ys = polygon[0::2], polygon[1::2]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
