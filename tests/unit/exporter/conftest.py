"""Releases and orders as the exporter meets them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from truscore.storage import ObjectRef
from truscore.zoo.photometric import integration, light_refit, weighted_solve

from services.exporter.order import ExportOrder
from services.exporter.release import Artifact, Benchmark, Parity, Refusal, Release
from services.exporter.signature import instance_signature


@pytest.fixture
def order() -> ExportOrder:
    return ExportOrder(
        run_id="run-1",
        checkpoint=ObjectRef(uri="s3://runs/checkpoint.pt", sha256="c" * 64),
        index=ObjectRef(uri="s3://runs/index.json", sha256="d" * 64),
        split=ObjectRef(uri="s3://runs/split.json", sha256="e" * 64),
        dataset_id="cards",
        dataset_version="1",
        dataset_uri="s3://cards/v1/",
        category="border_detection",
        option="dual_class",
        architecture="mask_rcnn",
        metrics={"box_AP50": 0.97},
        formats=("onnx",),
    )


@pytest.fixture
def artifact() -> Artifact:
    return Artifact(
        format="onnx",
        file_name="model.onnx",
        sha256="a" * 64,
        size_bytes=1234,
        parity=Parity(
            passed=True,
            images=2,
            detections=4,
            matched=1.0,
            max_abs_difference={"boxes": 0.001, "scores": 0.0, "masks": 0.0},
            tolerance={"boxes": 0.25, "scores": 0.001, "masks": 0.02},
        ),
        benchmark=Benchmark(
            device="cpu", latency_ms_p50=10.0, latency_ms_p95=12.0, eager_latency_ms_p50=20.0, images=2
        ),
        signature=instance_signature(("outer_border", "graphical_border")),
    )


@pytest.fixture
def release_with(artifact: Artifact) -> Callable[..., Release]:
    release = Release(
        model_id="border_detection.dual_class.mask_rcnn",
        version="run-1",
        run_id="run-1",
        checkpoint_sha256="c" * 64,
        dataset_id="cards",
        dataset_version="1",
        category="border_detection",
        option="dual_class",
        architecture="mask_rcnn",
        metrics={"box_AP50": 0.97},
        artifacts=(artifact,),
        refusals=(Refusal(format="stone", code="unsupported_format", message="no"),),
    )

    def make(**changes: Any) -> Release:
        return replace(release, **changes)

    return make


@pytest.fixture
def short_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solvers unrolled over few steps: a graph of the same operators, a tenth as long to write and to load."""
    monkeypatch.setattr(weighted_solve, "_STEPS", 2)
    monkeypatch.setattr(integration, "_STEPS", 3)
    monkeypatch.setattr(light_refit, "_ROUNDS", 1)
