"""INT8 as a format: calibrated by the method, and with the layers left in float, that keep its answers nearest."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx

from services.exporter.child.export_target import Answers, ExportTarget
from services.exporter.child.formats.onnx import graph_file
from services.exporter.child.formats.onnx.format import FAULTS, describe
from services.exporter.child.formats.protocol import Format, Source, Unmakeable
from services.exporter.child.formats.quantized.calibration import METHODS, ranges
from services.exporter.child.formats.quantized.graph import compact, quantise, simplified, weighted_nodes
from services.exporter.child.formats.quantized.quantization import QuantType, quantize_dynamic
from services.exporter.child.formats.quantized.weights import store_weights, stored_weights

LEAST_REDUCTION = 3.0
# For what the file says of itself, added at its end.
MARGIN_BYTES = 1 << 14
# Layers whose effect is measured one by one; in larger networks neighbours are measured together.
MOST_MEASUREMENTS = 32
COMPARED_PICTURES = 4
# Beyond it half of what is found is lost, whatever the calibration: layers in float are not searched for.
UNRELATED = 0.5
# What INT8 may be away: less than the metrics' own limits show on a trained network.
NEAR_ENOUGH = 0.002


def distance(target: ExportTarget, pairs: Sequence[tuple[Answers, Answers]]) -> float:
    """How far a file's answers are from its checkpoint's, the first of each pair: 0 the same, 1 nothing alike.

    Of detections those that have no partner, and how far those that have one are from it, as a share of the part of
    the picture where something is found; of outputs the angle between them.
    """
    parity = target.check_parity(pairs)
    apart = max((1 - value for value in parity.cosine.values()), default=0.0)
    reach = max(
        (float(reference["boxes"].max(initial=0.0)) for reference, _ in pairs if "boxes" in reference), default=0
    )
    apart_px = max(parity.max_abs_difference.get(name, 0.0) for name in ("boxes", "corners"))
    moved = apart_px / reach if reach else 0.0
    return max(1 - parity.matched, apart, moved)


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateEvaluator:
    """Measures candidates against the checkpoint on training images: validation images evaluate, and choose nothing."""

    source: Source
    eager: Sequence[Answers]
    folder: Path

    def distance(self, path: Path) -> float:
        """Infinite where it does not run: ranges that fit nothing leave detectors with shapes that can't be."""
        pictures = self.source.calibration[:COMPARED_PICTURES]
        try:
            run = graph_file.session(path, self.source.target.signature)
            answers = [run(each) for each in pictures]
        except FAULTS:
            return math.inf
        return distance(self.source.target, list(zip(self.eager, answers, strict=True)))


def make(source: Source, path: Path) -> Mapping[str, str]:
    if not source.calibration:
        raise Unmakeable("there is no training image to calibrate it on")
    eager = [source.target.run_eager(each) for each in source.calibration[:COMPARED_PICTURES]]
    with TemporaryDirectory(dir=path.parent) as scratch:
        evaluator = CandidateEvaluator(source=source, eager=eager, folder=Path(scratch))
        exported, graph = evaluator.folder / "exported.onnx", evaluator.folder / "float.onnx"
        graph_file.write(source.target, exported, source.pictures[0])
        simplified(exported, graph)
        notes = _static(evaluator, graph, path)
        if float(notes["distance"]) > NEAR_ENOUGH:
            notes = _dynamic(evaluator, graph, path, notes)
        if float(notes["distance"]) > NEAR_ENOUGH:
            most_bytes = exported.stat().st_size / LEAST_REDUCTION - MARGIN_BYTES
            notes = _weights_alone(evaluator, graph, path, notes, most_bytes=most_bytes)
        compact(path)
        reduction = exported.stat().st_size / path.stat().st_size
    if reduction < LEAST_REDUCTION:
        raise Unmakeable(
            f"the file is {reduction:.2f} times smaller than in float, at least {LEAST_REDUCTION:g} are wanted; "
            f"{notes['in_float']}"
        )
    graph_file.finish(path, source.metadata)
    return {**notes, "times_smaller": f"{reduction:.2f}", "calibration_images": str(len(source.calibration))}


def _static(evaluator: CandidateEvaluator, graph: Path, path: Path) -> dict[str, str]:
    nodes = weighted_nodes(graph)
    if not nodes:
        raise Unmakeable("the graph multiplies by no constant weights")
    found: dict[str, float] = {}
    values: dict[str, Any] = {}
    for method in METHODS:
        values[method] = ranges(graph, evaluator.source.calibration, method)
        quantise(graph, path, values[method], nodes=nodes, in_float=())
        found[method] = evaluator.distance(path)
        # The cheapest method that is near enough: finer ones look at histograms, which takes longer.
        if found[method] <= NEAR_ENOUGH:
            break
    best = min(found, key=lambda method: found[method])
    tried = ", ".join(f"{method} {value:.2g}" for method, value in found.items())
    reason = f"distance from the checkpoint on training images: {tried}; accepted {NEAR_ENOUGH:g}"

    def attempt(in_float: Sequence[str]) -> float:
        quantise(graph, path, values[best], nodes=nodes, in_float=in_float)
        return evaluator.distance(path)

    in_float: list[str] = []
    worst = found[best]
    if NEAR_ENOUGH < worst <= UNRELATED:
        in_float, worst = _kept_in_float(nodes, attempt, graph, path)
    else:
        attempt(())
    return {
        "quantisation": "static, INT8 weights per channel",
        "calibration": best,
        "calibration_reason": reason,
        "in_float": _listed(in_float, nodes),
        "distance": f"{worst:.3g}",
    }


def _kept_in_float(
    nodes: Sequence[str], attempt: Callable[[Sequence[str]], float], graph: Path, path: Path
) -> tuple[list[str], float]:
    """The most sensitive layers first, until the answers are near enough or the file would be too large."""
    groups = _groups(nodes)
    # What one group alone in INT8 does to the answers.
    harm = [attempt([name for name in nodes if name not in group]) for group in groups]
    ranked = sorted(range(len(groups)), key=lambda place: -harm[place])
    best: tuple[list[str], float] = [], attempt(())
    count = 1
    while count <= len(groups) // 2 or count == 1:
        in_float = [name for place in ranked[:count] for name in groups[place]]
        reached = attempt(in_float)
        if graph.stat().st_size / path.stat().st_size < LEAST_REDUCTION:
            break
        if reached < best[1]:
            best = in_float, reached
        if reached <= NEAR_ENOUGH:
            break
        count *= 2
    attempt(best[0])
    return best


def _dynamic(evaluator: CandidateEvaluator, graph: Path, path: Path, static: dict[str, str]) -> dict[str, str]:
    """Weights in INT8, activations measured as they come: where static ranges don't fit, if that is nearer."""
    candidate = evaluator.folder / "dynamic.onnx"
    quantize_dynamic(
        graph,
        candidate,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
    reached = evaluator.distance(candidate)
    small = graph.stat().st_size / candidate.stat().st_size >= LEAST_REDUCTION
    if not small or reached >= float(static["distance"]):
        return static
    onnx.save(onnx.load(candidate), path)
    return {
        **static,
        "quantisation": f"dynamic, INT8 weights per channel: static came to a distance of {static['distance']}",
        "in_float": "convolutions in float",
        "distance": f"{reached:.3g}",
    }


def _weights_alone(
    evaluator: CandidateEvaluator, graph: Path, path: Path, others: dict[str, str], *, most_bytes: float
) -> dict[str, str]:
    """Weights in INT8, the arithmetic in float: where activations in INT8 don't come near, if that is nearer.

    Weights of the most sensitive layers are in INT16, as far as the file stays within its size.
    """
    candidate = evaluator.folder / "weights.onnx"
    counts = stored_weights(graph)

    def attempt(in_int16: Collection[str]) -> float:
        store_weights(graph, candidate, in_int16=in_int16)
        return evaluator.distance(candidate)

    in_int16: list[str] = []
    reached = attempt(())
    if reached > NEAR_ENOUGH:
        compact(candidate)
        in_int16 = _in_int16(counts, attempt, free_bytes=most_bytes - candidate.stat().st_size)
        reached = attempt(in_int16)
    if reached >= float(others["distance"]):
        return others
    onnx.save(onnx.load(candidate), path)
    wider = f"; {len(in_int16)} of {len(counts)} layers in INT16: {', '.join(in_int16)}" if in_int16 else ""
    return {
        **others,
        "quantisation": "INT8 weights per channel, arithmetic in float: with activations in INT8 the distance was "
        + others["distance"],
        "in_float": f"activations{wider}",
        "distance": f"{reached:.3g}",
    }


def _in_int16(
    counts: Mapping[str, int], attempt: Callable[[Collection[str]], float], *, free_bytes: float
) -> list[str]:
    """Those that gain most for each weight, a byte of which each takes more, as far as there are bytes."""
    groups = _groups(tuple(counts))
    # What one group alone in INT8 does to the answers.
    harm = [attempt(set(counts) - set(group)) for group in groups]
    size = [sum(counts[name] for name in group) for group in groups]
    chosen: list[str] = []
    for place in sorted(range(len(groups)), key=lambda place: -harm[place] / size[place]):
        if size[place] <= free_bytes:
            free_bytes -= size[place]
            chosen += groups[place]
    return chosen


def _groups(nodes: Sequence[str]) -> list[Sequence[str]]:
    """Neighbours together, where there are more layers than are measured."""
    size = max(1, -(-len(nodes) // MOST_MEASUREMENTS))
    return [nodes[start : start + size] for start in range(0, len(nodes), size)]


def _listed(in_float: Sequence[str], nodes: Sequence[str]) -> str:
    return f"{len(in_float)} of {len(nodes)} layers in float{': ' if in_float else ''}{', '.join(in_float)}"


QUANTIZED = Format(
    name="quantized",
    file_name="model.int8.onnx",
    make=make,
    load=graph_file.session,
    describe=describe,
    precision="int8",
    faults=FAULTS,
)
