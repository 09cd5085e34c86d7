"""What the tasks of instances say of their verdicts."""

import numpy as np
import pytest
from truscore.datasets import Annotation, ImageRecord
from truscore.metrics.detection import ImageDetections, Instance, run_lengths, without_masks
from truscore.metrics.instance_metrics import InstanceMetrics

OUTER, INNER = (10.0, 10.0, 60.0, 80.0), (20.0, 20.0, 40.0, 60.0)
CARD = ImageRecord(
    path="card.png", sha256="", size_bytes=1, width=160, height=200,
    annotations=(Annotation(label=1, box_xywh=(20, 20, 120, 160)), Annotation(label=2, box_xywh=(40, 40, 80, 120))),
)  # fmt: skip


def instance(label: int, box: tuple[float, float, float, float], score: float = 1.0) -> Instance:
    mask_HW = np.zeros((100, 80), dtype=np.bool_)
    x, y, width, height = (round(value) for value in box)
    mask_HW[y : y + height, x : x + width] = True
    return Instance(label=label, box_xywh=box, mask=run_lengths(mask_HW), score=score)


def evaluated(*found: Instance) -> ImageDetections:
    return ImageDetections(
        image=0, height=100, width=80, target=(instance(1, OUTER), instance(2, INNER)), prediction=found
    )


def measures(*, of_borders: bool) -> InstanceMetrics:
    return InstanceMetrics(class_names=("outer", "inner"), records=(CARD,), of_borders=of_borders)


def test_borders_are_measured_by_masks_and_by_boxes_in_pixels_of_the_scan() -> None:
    # A box half a pixel of the network's too far right, whose mask rounds to where it should be.
    found = evaluated(instance(1, (10.4, 10.0, 60.0, 80.0), 0.9), instance(2, INNER, 0.9))
    metrics = measures(of_borders=True).metrics([found])
    assert metrics["edge_error_px"] == pytest.approx(0.0, abs=1e-3)
    assert metrics["box_edge_error_px"] == pytest.approx(0.8 * 2 / 8)
    assert metrics["centring_error_pp"] == pytest.approx(0.0, abs=1e-2)
    assert metrics["box_centring_error_pp"] == pytest.approx(1.0)  # 9.6 to 10.4 is 48/52, the halves of top and bottom
    assert metrics["mask_AP50"] == 1.0


def test_boxes_alone_are_measured_under_the_plain_names() -> None:
    found = without_masks(evaluated(instance(1, (10.4, 10.0, 60.0, 80.0), 0.9), instance(2, INNER, 0.9)))
    metrics = measures(of_borders=True).metrics([found])
    assert metrics["edge_error_px"] == pytest.approx(0.2)
    assert not any(name.startswith(("box_edge", "mask")) for name in metrics)
    details = measures(of_borders=True).details([found], measures(of_borders=True).diagnostics([found]))
    assert details["borders"]["centring"][0]["image"] == "card.png"
    assert list(details["precision_at_overlap_50"]) == ["box"]


def test_defects_are_no_borders() -> None:
    found = evaluated(instance(1, OUTER, 0.9))
    metrics = measures(of_borders=False).metrics([found])
    assert not any("edge" in name or "centring" in name or "border" in name for name in metrics)
    assert "borders" not in measures(of_borders=False).details([found], measures(of_borders=False).diagnostics([found]))
