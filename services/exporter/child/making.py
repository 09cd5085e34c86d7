"""One artefact: made, run beside its checkpoint, held to the gate and measured."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from truscore.files import sha256_of

from services.exporter.child import benchmark
from services.exporter.child.benchmark import Stopwatch
from services.exporter.child.departure import Layer, departures
from services.exporter.child.early_engine import EarlyEngine
from services.exporter.child.engine_pictures import Recorder
from services.exporter.child.formats.protocol import Format, Predict, Source, Unmakeable
from services.exporter.child.gate import Gate, failure
from services.exporter.child.refused import ExportRefused
from services.exporter.release import Artifact, Benchmark, Parity


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversionContext:
    """What all formats of a checkpoint share."""

    source: Source
    gate: Gate
    folder: Path
    benchmark_rounds: int
    engine: EarlyEngine | None = None


def make_artifact(format: Format, context: ConversionContext) -> Artifact:
    """Raises ExportRefused."""
    path = context.folder / format.file_name
    faults: tuple[type[Exception], ...] = (Unmakeable, *format.faults)
    if reason := context.source.target.refused.get(format.name):
        raise ExportRefused("unsupported_format", f"the network cannot be written as {format.name}: {reason}")
    try:
        # Whatever a format lacks here, making says by name: before its runtime is asked for a version.
        made = format.make(context.source, path)
        notes = {**format.describe(), **made}
        run = _loaded(format, context, path)
        recorded = Recorder(run, context.source.pictures)
        verdict = context.gate.on_pictures(recorded, precision=format.precision)
        if verdict.passed:
            recorded.write(context.folder, format.name)
            figures = measured(format, context, recorded.run)
            # Only now: an engine beside it would be measured with it.
            if context.engine is not None:
                context.engine.start(format.name, format.file_name)
        verdict = context.gate.on_labelled(recorded, verdict, precision=format.precision)
    except faults as error:
        message = f"the network cannot be written as {format.name}: {type(error).__name__}: {error}"
        raise ExportRefused("conversion", message) from error
    require_passed(format, context, verdict, notes=notes)
    return Artifact(
        format=format.name,
        file_name=path.name,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        parity=verdict,
        benchmark=figures,
        signature=context.source.target.signature,
        notes=notes,
    )


def _loaded(format: Format, context: ConversionContext, path: Path) -> Predict:
    """By the engine, too, at the same time; neither is at work any more when this returns."""
    if context.engine is not None:
        context.engine.load()
    run = format.load(path, context.source.target.signature)
    if context.engine is not None:
        context.engine.wait_loaded()
    return run


def measured(format: Format, context: ConversionContext, run: Stopwatch) -> Benchmark:
    figures = benchmark.measure(run, context.gate.eager, context.source.pictures, rounds=context.benchmark_rounds)
    what = format.measured()
    return replace(figures, device=f"{figures.device}: {what}") if what else figures


def require_passed(format: Format, context: ConversionContext, verdict: Parity, *, notes: Mapping[str, str]) -> None:
    """Raises ExportRefused where the gate does not let the file pass, with a report of why."""
    if verdict.passed:
        return
    path, target = context.folder / format.file_name, context.source.target
    layers = departures(format, path, target, context.source.pictures[0])
    report = write_report(context.folder, format, verdict, layers, notes)
    raise ExportRefused("metrics" if verdict.metrics else "parity", _message(format, verdict, layers), report=report)


def write_report(
    folder: Path, format: Format, verdict: Parity, layers: tuple[Layer, ...], notes: Mapping[str, str]
) -> str:
    """All that was measured, as JSON beside the files; returns its name."""
    content = {
        "format": format.name,
        "parity": asdict(verdict),
        "layers": [asdict(layer) for layer in layers],
        "notes": dict(notes),
    }
    path = folder / f"refused-{format.name}.json"
    path.write_text(json.dumps(content, indent=2, sort_keys=True), encoding="utf-8")
    return path.name


def _message(format: Format, verdict: Parity, layers: tuple[Layer, ...]) -> str:
    first = next((layer for layer in layers if layer.departs), None)
    where = f"; the first layer that departs is {first.name} (by {first.gap:.2g} of its size)" if first else ""
    return (
        f"the file and its checkpoint disagree on {verdict.images} validation images: "
        f"{failure(verdict, precision=format.precision)}{where}"
    )
