"""A release as JSON. The manifest in the store marks a release as done and holds all that its announcement says."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from services.exporter.release import Artifact, Benchmark, Parity, Refusal, Release, Signature, Tensor

SCHEMA = "truscore.release/1"


class UnreadableManifest(ValueError):
    """A manifest that this exporter did not write, or not whole."""


def manifest_json(release: Release) -> bytes:
    document = {"schema": SCHEMA, **asdict(release)}
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def release_from_json(data: bytes) -> Release:
    try:
        document = json.loads(data)
        schema = document.pop("schema")
        if schema != SCHEMA:
            raise UnreadableManifest(f"manifest schema {schema!r}; accepted: {SCHEMA!r}")
        return Release(
            **{
                **document,
                "artifacts": tuple(artifact_from(item) for item in document["artifacts"]),
                "refusals": tuple(Refusal(**item) for item in document["refusals"]),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UnreadableManifest):
            raise
        raise UnreadableManifest(f"not a release manifest: {error!r}") from error


def artifact_from(item: Mapping[str, Any]) -> Artifact:
    return Artifact(
        **{
            **item,
            "parity": Parity(**item["parity"]),
            "benchmark": Benchmark(**item["benchmark"]),
            "signature": signature_from(item["signature"]),
        }
    )


def signature_from(item: Mapping[str, Any]) -> Signature:
    return Signature(
        inputs=tuple(_tensor(tensor) for tensor in item["inputs"]),
        outputs=tuple(_tensor(tensor) for tensor in item["outputs"]),
        class_names=tuple(item["class_names"]),
        # Manifests of earlier releases have neither.
        task=item.get("task", ""),
        thresholds=dict(item.get("thresholds", {})),
    )


def _tensor(item: Mapping[str, Any]) -> Tensor:
    return Tensor(**{**item, "shape": tuple(item["shape"])})
