"""Outcomes as events."""

from collections.abc import Callable
from typing import Any

from truscore.events.v1 import model_pb2, training_pb2
from truscore.metrics.comparison import Comparison

from services.exporter.order import ExportOrder
from services.exporter.release import Artifact, Benchmark, Parity, Refusal, Release, Signature, Tensor

# Model, version and file name to "s3://bucket/key".
Address = Callable[[str, str, str], str]

PACKAGE = "package.tar"


def exported(release: Release, address: Address) -> model_pb2.ModelExported:
    place = release.model_id, release.version
    return model_pb2.ModelExported(
        model_id=release.model_id,
        version=release.version,
        run_id=release.run_id,
        dataset_id=release.dataset_id,
        dataset_version=release.dataset_version,
        artifacts=[_artifact(each, address(*place, each.file_name)) for each in release.artifacts],
        package_uri=address(*place, PACKAGE),
        category=release.category,
        option=release.option,
        architecture=release.architecture,
        metrics=release.metrics,
        package_sha256=release.package_sha256,
        duration_s=release.duration_s,
        refused_formats=[
            model_pb2.FormatRefusal(format=each.format, code=each.code, message=each.message)
            for each in release.refusals
        ],
        **_comparison(release.comparison),
    )


def refused_order(ordered: model_pb2.ExportOrdered, format: str, *, code: str, message: str) -> model_pb2.ExportFailed:
    """The answer to an order of which no export comes."""
    return model_pb2.ExportFailed(
        run_id=ordered.run_id, format=format, code=code, message=message, request_id=ordered.request_id
    )


def failed(order: ExportOrder, refusal: Refusal) -> model_pb2.ExportFailed:
    return model_pb2.ExportFailed(
        run_id=order.run_id,
        format=refusal.format,
        code=refusal.code,
        message=refusal.message,
        model_id=order.model_id,
        report_uri=refusal.report,
        request_id=order.request_id,
    )


def _comparison(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None:
        return {}
    wire = training_pb2.TrivialComparison(
        purpose_metrics=comparison.purpose_metrics,
        groups=comparison.groups,
        resamples=comparison.resamples,
    )
    for name, metrics in comparison.trivial_metrics.items():
        wire.predictors.add(name=name, metrics=metrics)
    for name, interval in comparison.intervals.items():
        wire.intervals.add(metric=name, lower=interval.lower, upper=interval.upper)
    return {
        "fit_for_use": comparison.fit_for_use,
        "fit_for_use_reason": comparison.reason,
        "trivial_comparison": wire,
    }


def _artifact(artifact: Artifact, uri: str) -> model_pb2.Artifact:
    return model_pb2.Artifact(
        format=artifact.format,
        uri=uri,
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        parity=_parity(artifact.parity),
        benchmark=_benchmark(artifact.benchmark),
        signature=_signature(artifact.signature),
        notes=artifact.notes,
    )


def _parity(parity: Parity) -> model_pb2.Parity:
    return model_pb2.Parity(
        passed=parity.passed,
        images=parity.images,
        max_abs_difference=parity.max_abs_difference,
        tolerance=parity.tolerance,
        matched=parity.matched,
        cosine_similarity=parity.cosine,
        metrics=[
            model_pb2.MetricParity(
                split=line.split,
                metric=line.metric,
                checkpoint=line.checkpoint,
                artifact=line.artifact,
                accepted_loss=line.accepted_loss,
            )
            for line in parity.metrics
        ],
    )


def _benchmark(benchmark: Benchmark) -> model_pb2.Benchmark:
    return model_pb2.Benchmark(
        device=benchmark.device,
        latency_ms_p50=benchmark.latency_ms_p50,
        latency_ms_p95=benchmark.latency_ms_p95,
        eager_latency_ms_p50=benchmark.eager_latency_ms_p50,
        images=benchmark.images,
    )


def _signature(signature: Signature) -> model_pb2.ModelSignature:
    return model_pb2.ModelSignature(
        inputs=[_tensor(tensor) for tensor in signature.inputs],
        outputs=[_tensor(tensor) for tensor in signature.outputs],
        class_names=signature.class_names,
    )


def _tensor(tensor: Tensor) -> model_pb2.TensorSpec:
    return model_pb2.TensorSpec(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape, meaning=tensor.meaning)
