"""Average precision: the fast library against the one it replaces, and what it makes of the edges."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from services.trainer.measures.detection import Instance, Judged, coco_metrics, precision_curves, run_lengths

CLASS_NAMES = ("outer", "inner", "never")


def box_instance(label: int, box: tuple[float, float, float, float], score: float = 1.0, **more: Any) -> Instance:
    mask_HW = np.zeros((60, 80), dtype=np.bool_)
    x, y, width, height = (round(value) for value in box)
    mask_HW[max(y, 0) : y + height, max(x, 0) : x + width] = True
    return Instance(label=label, box_xywh=box, mask=run_lengths(mask_HW), score=score, **more)


def random_judged(seed: int) -> list[Judged]:
    """Ten images; most real instances are found, shifted a little, between false ones."""
    rng = np.random.default_rng(seed)

    def box() -> tuple[float, float, float, float]:
        x, y = rng.uniform(0, 50), rng.uniform(0, 35)
        return float(x), float(y), float(rng.uniform(4, 80 - x)), float(rng.uniform(4, 60 - y))

    def shifted(real: Instance) -> Instance:
        x, y, width, height = (float(value + rng.normal(0, 1.5)) for value in real.box_xywh)
        moved = (max(x, 0.0), max(y, 0.0), max(width, 1.0), max(height, 1.0))
        return box_instance(real.label, moved, score=float(rng.uniform()))

    judged = []
    for image in range(10):
        real = [box_instance(int(rng.integers(1, 3)), box(), crowd=bool(rng.random() < 0.1)) for _ in range(4)]
        found = [shifted(one) for one in real if rng.random() < 0.8]
        found += [box_instance(int(rng.integers(1, 3)), box(), score=float(rng.uniform())) for _ in range(3)]
        judged.append(Judged(image=image, height=60, width=80, real=tuple(real), found=tuple(found)))
    return judged


def pycocotools_metrics(judged: list[Judged]) -> dict[str, float]:
    annotations = [
        {
            "id": number, "image_id": image.image, "category_id": real.label, "bbox": list(real.box_xywh),
            "segmentation": dict(real.mask), "area": real.box_xywh[2] * real.box_xywh[3], "iscrowd": int(real.crowd),
        }
        for number, (image, real) in enumerate(((i, r) for i in judged for r in i.real), start=1)
    ]  # fmt: skip
    found = [
        {
            "image_id": image.image, "category_id": one.label, "bbox": list(one.box_xywh),
            "segmentation": dict(one.mask), "score": one.score,
        }
        for image in judged
        for one in image.found
    ]  # fmt: skip
    metrics = {}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": image.image, "height": image.height, "width": image.width} for image in judged],
            "categories": [{"id": label, "name": name} for label, name in enumerate(CLASS_NAMES, start=1)],
            "annotations": annotations,
        }
        truth.createIndex()
        for kind, iou_type in (("box", "bbox"), ("mask", "segm")):
            fresh = [{key: value for key, value in one.items() if kind == "box" or key != "bbox"} for one in found]
            evaluation = COCOeval(truth, truth.loadRes(fresh), iou_type)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            for place, name in enumerate(("AP", "AP50", "AP75")):
                metrics[f"{kind}_{name}"] = float(evaluation.stats[place])
    return metrics


@pytest.mark.parametrize("seed", range(5))
def test_it_equals_pycocotools_on_random_detections(seed: int) -> None:
    judged = random_judged(seed)
    assert coco_metrics(judged, CLASS_NAMES) == pytest.approx(pycocotools_metrics(judged), abs=1e-9)


def test_everything_found_exactly_is_one() -> None:
    real = (box_instance(1, (5, 5, 40, 30)), box_instance(2, (10, 8, 20, 20)))
    judged = [Judged(image=0, height=60, width=80, real=real, found=real)]
    assert list(coco_metrics(judged, CLASS_NAMES).values()) == pytest.approx([1.0] * 6)
    curves = precision_curves(judged, CLASS_NAMES, "mask")
    assert [(curve.class_name, curve.average_precision) for curve in curves] == [("outer", 1.0), ("inner", 1.0)]
    assert all(len(curve.precision) == 101 for curve in curves)


def test_nothing_found_is_nought() -> None:
    judged = [Judged(image=0, height=60, width=80, real=(box_instance(1, (5, 5, 40, 30)),), found=())]
    assert set(coco_metrics(judged, CLASS_NAMES).values()) == {0.0}
    assert [curve.class_name for curve in precision_curves(judged, CLASS_NAMES, "box")] == ["outer"]


def test_where_nothing_is_there_there_is_nothing_to_measure() -> None:
    found = (box_instance(1, (5, 5, 40, 30), score=0.9),)
    assert coco_metrics([Judged(image=0, height=60, width=80, real=(), found=found)], CLASS_NAMES) == {}


def test_finding_the_right_box_with_the_wrong_class_counts_nothing() -> None:
    real, found = (box_instance(1, (5, 5, 40, 30)),), (box_instance(2, (5, 5, 40, 30)),)
    assert coco_metrics([Judged(image=0, height=60, width=80, real=real, found=found)], CLASS_NAMES)["box_AP"] == 0
