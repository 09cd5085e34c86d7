"""One artefact: made, run beside its checkpoint, held to the gate and measured."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from services.exporter.child import benchmark, parity
from services.exporter.child.formats.protocol import Format, Source, Unmakeable
from services.exporter.child.refused import Refused
from services.exporter.release import Artifact, Parity


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """What all formats of a checkpoint share."""

    source: Source
    folder: Path
    benchmark_rounds: int


def make_artifact(format: Format, shop: Workshop) -> Artifact:
    """Raises Refused."""
    source, target = shop.source, shop.source.target
    path = shop.folder / format.file_name
    faults: tuple[type[Exception], ...] = (Unmakeable, *format.faults)
    try:
        notes = format.make(source, path)
        run = format.load(path, target.signature)
        verdict = target.check_parity((target.run_eager(each), run(each)) for each in source.pictures)
    except faults as error:
        message = f"the network cannot be written as {format.name}: {type(error).__name__}: {error}"
        raise Refused("conversion", message) from error
    _demand(verdict)
    return Artifact(
        format=format.name,
        file_name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        parity=verdict,
        benchmark=benchmark.measure(run, target.run_eager, source.pictures, rounds=shop.benchmark_rounds),
        signature=target.signature,
        notes={**format.describe(), **notes},
    )


def _demand(verdict: Parity) -> None:
    if verdict.passed:
        return
    found = ", ".join(
        f"{name} differ by {worst:.3g} (accepted {verdict.tolerance[name]:.3g})"
        for name, worst in verdict.max_abs_difference.items()
    )
    matched = (
        f"{verdict.matched:.1%} of {verdict.detections} detections matched (accepted {parity.MATCHED_AT_LEAST:.0%} and "
        "more), "
    )
    raise Refused(
        "parity",
        f"the file and its checkpoint disagree on {verdict.images} validation images: "
        f"{matched if verdict.detections else ''}{found}",
    )
