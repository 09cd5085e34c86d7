"""Whether a file says what its checkpoint says: outputs beside outputs, and the task's metrics beside its metrics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.exporter.child.ahead import Ahead
from services.exporter.child.benchmark import Stopwatch
from services.exporter.child.evaluation import Evaluation, Labelled, evaluate, spread_of_targets
from services.exporter.child.export_target import Answers, ExportTarget, Picture
from services.exporter.child.formats.protocol import Predict
from services.exporter.child.lined_borders import LinedBorders, kept
from services.exporter.child.parity import INT8_MATCHED_AT_LEAST, MATCHED_AT_LEAST
from services.exporter.metric_limits import compare_grades, compare_metrics, passes
from services.exporter.release import MetricParity, Parity

VALIDATION = "validation"  # the split that the pictures are of


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """Of one checkpoint, for all its files: what the checkpoint itself says is worked out once. `eager` has how long it
    took to say it of the pictures. Of a model that places a border's sides, `lined` knows where they are in the
    pictures."""

    target: ExportTarget
    pictures: Sequence[Picture]
    labelled: Sequence[Labelled] = ()
    purpose: Sequence[str] = ()
    lined: LinedBorders | None = None
    eager: Stopwatch = field(init=False)
    _answers: list[Answers] = field(default_factory=list)
    _of_file: list[Answers] = field(default_factory=list)  # of the file last looked at; only where `lined`
    _evaluated: dict[str, Evaluation] = field(default_factory=dict)
    _ahead: list[Ahead] = field(default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "eager", Stopwatch(self.target.run_eager))

    def verdict(self, run: Predict, *, precision: str) -> Parity:
        return self.on_labelled(run, self.on_pictures(run, precision=precision), precision=precision)

    def begin(self) -> None:
        """Have the checkpoint's own metrics worked out beside what follows, until answers are compared."""
        if self.labelled and not self._evaluated and not self._ahead:
            self._ahead.append(Ahead.begin(self.target.run_eager, self.labelled))

    def end(self) -> None:
        """Of what was begun, what no file was made to be compared with."""
        while self._ahead:
            self._ahead.pop().end()

    def on_pictures(self, run: Predict, *, precision: str) -> Parity:
        """The verdict by outputs alone."""
        # Latencies are measured here: beside nothing of ours.
        while self._ahead:
            self._evaluated.update(self._ahead.pop().finish())
        return self.target.check_parity(self._pairs(run), precision=precision)

    def on_labelled(self, run: Predict, parity: Parity, *, precision: str) -> Parity:
        """The verdict by metrics, too, where outputs passed."""
        lines = self._metrics(run, precision=precision) if parity.passed else ()
        return replace(parity, metrics=lines, passed=parity.passed and all(map(passes, lines)))

    def _pairs(self, run: Predict) -> Iterator[tuple[Answers, Answers]]:
        """In turn, so that both were timed on the same host, as busy as it is."""
        self._of_file.clear()
        # All of them first: what decodes them is not at work any more.
        for number, picture_CHW in enumerate(tuple(self.pictures)):
            if number == len(self._answers):
                self._answers.append(self.eager(picture_CHW))
            answers = run(picture_CHW)
            if self.lined is not None:
                self._of_file.append(kept(answers))
            yield self._answers[number], answers

    def _metrics(self, run: Predict, *, precision: str) -> tuple[MetricParity, ...]:
        lines: list[MetricParity] = []
        for part in self.labelled:
            if part.split not in self._evaluated:
                self._evaluated[part.split] = evaluate(self.target.run_eager, part)
            checkpoint, artifact = self._evaluated[part.split], evaluate(run, part)
            lines += compare_metrics(
                part.split,
                self.purpose,
                self.coarse_left_out(checkpoint.metrics),
                artifact.metrics,
                precision=precision,
                spread=spread_of_targets(part),
            )
            lines += compare_grades(part.split, checkpoint.grades, artifact.grades)
        return tuple(lines + self._sides(precision=precision))

    def coarse_left_out(self, metrics: Mapping[str, float]) -> Mapping[str, float]:
        """The metrics of labelled images, without what `lined` measures finer."""
        return metrics if self.lined is None else {name: each for name, each in metrics.items() if "error" not in name}

    def _sides(self, *, precision: str) -> list[MetricParity]:
        if self.lined is None:
            return []
        checkpoint = self.lined.metrics([kept(answers) for answers in self._answers])
        artifact = self.lined.metrics(self._of_file)
        return list(compare_metrics(VALIDATION, self.purpose, checkpoint, artifact, precision=precision))


def failure(verdict: Parity, *, precision: str) -> str:
    """In words, what was not near enough."""
    if lost := [line for line in verdict.metrics if not passes(line)]:
        return "; ".join(
            f"{line.metric} on the {line.split} images is {line.artifact:.4g}, of the checkpoint {line.checkpoint:.4g} "
            f"(accepted to lose {line.accepted_loss:.3g})"
            for line in lost
        )
    found = [
        f"{name} differ by {worst:.3g}"
        + (f" (accepted {verdict.tolerance[name]:.3g})" if name in verdict.tolerance else "")
        for name, worst in verdict.max_abs_difference.items()
    ]
    found += [f"{name} have a cosine similarity of {value:.5f}" for name, value in verdict.cosine.items()]
    if verdict.detections:
        least = MATCHED_AT_LEAST if precision == "float" else INT8_MATCHED_AT_LEAST
        found.insert(
            0, f"{verdict.matched:.1%} of {verdict.detections} detections matched (accepted {least:.0%} and more)"
        )
    return ", ".join(found)
