"""One artefact: made, run beside its checkpoint, held to the gate and measured."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from services.exporter.child import benchmark
from services.exporter.child.departure import Layer, departures
from services.exporter.child.engine_pictures import Recorder
from services.exporter.child.formats.protocol import Format, Run, Source, Unmakeable
from services.exporter.child.gate import Gate, failure
from services.exporter.child.refused import Refused
from services.exporter.release import Artifact, Parity


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """What all formats of a checkpoint share."""

    source: Source
    gate: Gate
    folder: Path
    benchmark_rounds: int


def make_artifact(format: Format, shop: Workshop) -> Artifact:
    """Raises Refused."""
    path = shop.folder / format.file_name
    faults: tuple[type[Exception], ...] = (Unmakeable, *format.faults)
    if reason := shop.source.target.refused.get(format.name):
        raise Refused("unsupported_format", f"the network cannot be written as {format.name}: {reason}")
    try:
        notes = format.make(shop.source, path)
        run = format.load(path, shop.source.target.signature)
        recorded = Recorder(run, shop.source.pictures)
        verdict = shop.gate.verdict(recorded, precision=format.precision)
    except faults as error:
        message = f"the network cannot be written as {format.name}: {type(error).__name__}: {error}"
        raise Refused("conversion", message) from error
    artifact = proven(format, shop, run, verdict, notes={**format.describe(), **notes})
    recorded.write(shop.folder, format.name)
    return artifact


def proven(format: Format, shop: Workshop, run: Run, verdict: Parity, *, notes: dict[str, str]) -> Artifact:
    """The artefact with its proof. Raises Refused where the gate does not let it pass, with a report of why."""
    path, target = shop.folder / format.file_name, shop.source.target
    if not verdict.passed:
        layers = departures(format, path, target, shop.source.pictures[0])
        report = write_report(shop.folder, format, verdict, layers, notes)
        raise Refused("metrics" if verdict.metrics else "parity", _message(format, verdict, layers), report=report)
    return Artifact(
        format=format.name,
        file_name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        parity=verdict,
        benchmark=benchmark.measure(run, target.run_eager, shop.source.pictures, rounds=shop.benchmark_rounds),
        signature=target.signature,
        notes=notes,
    )


def write_report(
    folder: Path, format: Format, verdict: Parity, layers: tuple[Layer, ...], notes: dict[str, str]
) -> str:
    """All that was measured, as JSON beside the files; returns its name."""
    content = {
        "format": format.name,
        "parity": asdict(verdict),
        "layers": [asdict(layer) for layer in layers],
        "notes": notes,
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
