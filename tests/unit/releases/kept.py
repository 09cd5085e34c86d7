"""Releases as the exporter keeps them, of a model file that is nothing but bytes."""

import hashlib
from pathlib import Path
from typing import Any

from truscore.releases import Place
from truscore.storage import Store
from truscore.storage.signing import Signer

from services.exporter.release import Artifact, Benchmark, Parity, Release
from services.exporter.release_store import ReleaseStore
from services.exporter.signature import instance_signature

MODEL = b"not really a network, but bytes that have a digest" * 40
PRIVATE, OTHER_PRIVATE = "11" * 32, "22" * 32
PUBLIC, OTHER_PUBLIC = Signer(PRIVATE).public_hex, Signer(OTHER_PRIVATE).public_hex
MODEL_ID, RUN = "border_detection.dual_class.mask_rcnn", "run-0123456789abcdef0123"


def keep(store: Store, bucket: str, folder: Path, *, model: bytes = MODEL, key: str = "", **changes: Any) -> Release:
    """A release of `model`, stored, and signed where there is a private key."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    artifact = Artifact(
        format="onnx",
        file_name="model.onnx",
        sha256=hashlib.sha256(model).hexdigest(),
        size_bytes=len(model),
        parity=Parity(
            passed=True, images=2, detections=4, matched=1.0, max_abs_difference={"boxes": 0.0}, tolerance={"boxes": 1}
        ),
        benchmark=Benchmark(device="cpu", latency_ms_p50=1, latency_ms_p95=2, eager_latency_ms_p50=3, images=2),
        signature=instance_signature(("outer_border", "graphical_border")),
    )
    values: dict[str, Any] = {
        "model_id": MODEL_ID,
        "version": RUN,
        "run_id": RUN,
        "checkpoint_sha256": "c" * 64,
        "dataset_id": "cards",
        "dataset_version": "1",
        "category": "border_detection",
        "option": "dual_class",
        "architecture": "mask_rcnn",
        "metrics": {"box_AP50": 0.97},
        "artifacts": (artifact,),
        "refusals": (),
    }
    release = Release(**(values | changes))
    return ReleaseStore(store, bucket=bucket, signer=Signer(key) if key else None).keep(release, folder)


def place(bucket: str, release: Release, **announced: str) -> Place:
    uri = f"s3://{bucket}/models/{release.model_id}/{release.version}"
    return Place(uri=uri, model_id=release.model_id, version=release.version, announced=announced)
