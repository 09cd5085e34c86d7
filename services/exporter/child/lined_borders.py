"""Borders by the lines of their sides, on the proof's own pictures: at the size at which an engine gives them.

A second stage cuts strips of the picture's own pixels. Labelled images are evaluated at the trainer's size, of which it
says little; and the whole of them at their own size would take many times the proof.

Legend: N detections.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from truscore.datasets import ImageRecord
from truscore.metrics.detection import ImageDetections, Instance, lines_found
from truscore.metrics.instance_metrics import InstanceMetrics

from services.exporter.child.export_target import Answers

NEEDED = ("boxes", "labels", "scores", "corners", "line_confidence")


@dataclass(frozen=True, kw_only=True, slots=True)
class LinedBorders:
    """What is on each of the pictures, in their order; ``training`` are the records that the model learnt from."""

    records: tuple[ImageRecord, ...]
    class_names: tuple[str, ...]
    training: tuple[ImageRecord, ...] = ()

    def metrics(self, answers: Sequence[Answers]) -> dict[str, float]:
        """Errors of edges and centring, of the corners that a model answered with."""
        results = [
            ImageDetections(
                image=number,
                height=record.height,
                width=record.width,
                target=tuple(Instance(label=mark.label, box_xywh=mark.box_xywh) for mark in record.annotations),
                prediction=_found(of_picture),
            )
            for number, (record, of_picture) in enumerate(zip(self.records, answers, strict=True))
        ]
        measured = InstanceMetrics(
            class_names=self.class_names, records=self.records, of_borders=True, training=self.training
        ).metrics(results)
        return {name: value for name, value in measured.items() if "error" in name}


def kept(answers: Answers) -> Answers:
    """Of an answer what ``metrics`` needs, so that its masks need not be held."""
    return {name: answers[name] for name in NEEDED}


def _found(answers: Answers) -> tuple[Instance, ...]:
    boxes_N4, labels_N, scores_N, corners, confidence = (np.asarray(answers[name]) for name in NEEDED)
    return tuple(
        Instance(
            label=int(label),
            box_xywh=(float(x1), float(y1), float(x2 - x1), float(y2 - y1)),
            score=float(score),
            lines_42=lines,
        )
        for (x1, y1, x2, y2), label, score, lines in zip(
            boxes_N4, labels_N, scores_N, lines_found(corners, confidence), strict=True
        )
    )
