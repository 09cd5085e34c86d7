"""How well borders can be measured at all: what a network would score whose masks are perfect at its own size.

`make bench ARGS=tests/bench/test_border_floor.py` prints it. Masks are of whole pixels, and scans are far larger than
what a network sees: no network is better than this but by its boxes, which are no whole pixels.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from truscore.datasets import Annotation, ImageRecord, read_dataset
from truscore.datasets.shapes.masks import annotation_mask
from truscore.metrics.borders import border_metrics, measure_borders
from truscore.metrics.detection import ImageDetections, Instance, run_lengths
from truscore.zoo.resize import network_size

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


@pytest.mark.parametrize("image_size", [160, 320, 640])
def test_perfect_masks_are_measured_to_half_a_pixel_of_the_network(shared_data: Path, image_size: int) -> None:
    index = read_dataset(shared_data / "truscore_card_borders_yolo" / "combined_dual_class").index
    assert index is not None
    metrics = border_metrics([measure_borders(perfect(image, image_size), image) for image in index.images])
    figures = "  ".join(f"{name} {value:.2f}" for name, value in metrics.items())
    print(f"\n{len(index.images)} scans at {image_size} px: {figures}", end="", flush=True)  # noqa: T201
    network_px = sum(max(image.width, image.height) for image in index.images) / len(index.images) / image_size
    assert metrics["edge_error_px"] < 0.5 * network_px


def perfect(image: ImageRecord, image_size: int) -> ImageDetections:
    height, width = network_size(image.height, image.width, image_size=image_size)
    scale = (width / image.width, height / image.height)
    found = tuple(prediction_equal_to(one, scale, height, width) for one in image.annotations)
    return ImageDetections(image=0, height=height, width=width, target=(), prediction=found)


def prediction_equal_to(target: Annotation, scale: tuple[float, float], height: int, width: int) -> Instance:
    x, y, box_width, box_height = target.box_xywh
    scaled = replace(
        target,
        box_xywh=(x * scale[0], y * scale[1], box_width * scale[0], box_height * scale[1]),
        polygons=tuple(tuple(value * scale[at % 2] for at, value in enumerate(one)) for one in target.polygons),
    )
    mask_HW = annotation_mask(scaled, height, width)
    return Instance(label=target.label, box_xywh=scaled.box_xywh, mask=run_lengths(mask_HW))
