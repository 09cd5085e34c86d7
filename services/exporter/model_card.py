"""The model card: what a person reads before trusting a model with a card's grade."""

from collections.abc import Iterable, Mapping

from truscore.metrics.comparison import Comparison

from services.exporter.packaging.origin import UNKNOWN, Origin
from services.exporter.release import Artifact, Release, Tensor

INTENDED = (
    "Made for pictures of single trading cards like those of its dataset: one upright RGB picture in, the answers "
    "below out. Its answers are measurements for graders and grading software, with the errors that stand below. Not "
    "made for telling forgeries, for pictures of another kind than it was trained on, or for deciding without anybody "
    "who may look again.\n"
)

INTENDED_OF_VIEWS = (
    "Made for the views of one object under lights whose directions are known, photographed with a linear response: "
    "the views in, maps of the surface out, in the axes of the lights. Its answers are measurements for graders and "
    "grading software, with the errors that stand below. Not made for lights that are only guessed, for views that do "
    "not lie on each other, or for deciding without anybody who may look again.\n"
)
INTENDED_OF_UNMEASURED_LIGHTS = (
    "Made for the views of one object under four lights or more of which nobody knows where they stand, photographed "
    "with a linear response: the views in, normals and lights out. That a surface and its lights are tilted and "
    "stretched together is in no view (the bas-relief ambiguity): what it takes for likely comes from the renders and "
    "objects that it learned from. Where lights can be measured, a model that takes them is better. Not made for "
    "measuring depths in micrometres, for views that do not lie on each other, or for deciding without anybody who may "
    "look again.\n"
)


def model_card(release: Release, origin: Origin = UNKNOWN) -> str:
    parts = [
        f"# {release.model_id}, version {release.version}\n",
        _provenance(release),
        "## Intended use\n",
        _intended(release),
        "## Data\n",
        _data(release, origin),
        "## Training\n",
        _training(origin),
        "## Quality on the validation split\n",
        _fitness(release.comparison),
        _metrics(release.metrics, release.comparison),
        _test_split(origin),
        "## Known weaknesses\n",
        _weaknesses(origin),
        "## Licences\n",
        _licences(origin),
        *(_artifact(artifact) for artifact in release.artifacts),
        _refusals(release),
    ]
    return "\n".join(part for part in parts if part)


def _intended(release: Release) -> str:
    if release.architecture == "ps_net_uncalibrated":
        return INTENDED_OF_UNMEASURED_LIGHTS
    return INTENDED_OF_VIEWS if release.category == "photometric_stereo" else INTENDED


def _provenance(release: Release) -> str:
    rows = {
        "Category": release.category,
        "Option": release.option,
        "Architecture": release.architecture,
        "Dataset": f"{release.dataset_id}, version {release.dataset_version}",
        "Training run": release.run_id,
        "Checkpoint (SHA-256)": f"`{release.checkpoint_sha256}`",
    }
    return _table(("", ""), rows.items())


def _data(release: Release, origin: Origin) -> str:
    parts = ", ".join(f"{count} for {part}" for part, count in origin.images.items())
    return (
        f"{release.dataset_id}, version {release.dataset_version}: images {parts or 'not on record'}. "
        f"Digest of the dataset: `{origin.dataset_digest or 'not on record'}`.\n"
    )


def _training(origin: Origin) -> str:
    return _table(("", ""), origin.training.items()) if origin.training else "Not on record.\n"


def _test_split(origin: Origin) -> str:
    if not origin.test_metrics:
        return "No image was held out for a test of its own: what chose the epoch also judged it.\n"
    rows = ((name, f"{origin.test_metrics[name]:.4f}") for name in sorted(origin.test_metrics))
    return "On the test split, which chose nothing:\n\n" + _table(("metric", "value"), rows)


def _weaknesses(origin: Origin) -> str:
    if not origin.weaknesses:
        return "No error analysis of the run is on record.\n"
    return "".join(f"- {' '.join(sentence.split())}\n" for sentence in origin.weaknesses)


def _licences(origin: Origin) -> str:
    network = f"`{origin.network}`: {origin.licence or 'not on record'}" if origin.network else "not on record"
    weights = {"": "not on record", "none": "from random numbers"}.get(
        origin.pretrained, f"from the published weights `{origin.pretrained}`, whose licence holds on"
    )
    return (
        f"- Network's implementation: {network}\n"
        f"- Weights: trained on the dataset above, {weights}; the rights in the dataset hold for them too\n"
        "- Code of `serving/`: that of the system that made this package\n"
    )


def _fitness(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    verdict = "Fit for use" if comparison.fit_for_use else "**Not fit for use**"
    return (
        f"{verdict}: {comparison.reason}.\n\n"
        f"What the model is for: {', '.join(comparison.purpose_metrics)}. Trivial predictors look at no picture; "
        f"intervals hold 95 % of {comparison.resamples} resamples of {comparison.groups} groups of images.\n"
    )


def _metrics(metrics: Mapping[str, float], comparison: Comparison | None) -> str:
    if not metrics:
        return "No metric was reported with this run.\n"
    if comparison is None:
        return _table(("metric", "value"), ((name, f"{metrics[name]:.4f}") for name in sorted(metrics)))
    trivial = comparison.trivial_metrics
    rows = (
        (
            name,
            f"{metrics[name]:.4f}",
            f"{comparison.intervals[name].lower:.4f} to {comparison.intervals[name].upper:.4f}"
            if name in comparison.intervals
            else "not measured",
            *(f"{each[name]:.4f}" if name in each else "" for each in trivial.values()),
        )
        for name in sorted(metrics)
    )
    return _table(("metric", "value", "95 % interval", *(name.replace("_", " ") for name in trivial)), rows)


def _artifact(artifact: Artifact) -> str:
    return "\n".join(
        (
            f"## {artifact.file_name} ({artifact.format})\n",
            f"{artifact.size_bytes:,} bytes, SHA-256 `{artifact.sha256}`\n",
            "### Input and output\n",
            _table(
                ("tensor", "type", "shape", "meaning"),
                (_tensor_row(tensor) for tensor in artifact.signature.inputs + artifact.signature.outputs),
            ),
            f"Class names, first to last: {', '.join(artifact.signature.class_names) or 'none'}\n",
            _thresholds(artifact.signature.thresholds),
            "### Parity with the checkpoint\n",
            _parity(artifact),
            "### Latency\n",
            _latency(artifact),
        )
    )


def _tensor_row(tensor: Tensor) -> tuple[str, ...]:
    return f"`{tensor.name}`", tensor.dtype, f"[{', '.join(tensor.shape)}]", tensor.meaning


def _thresholds(thresholds: Mapping[str, float]) -> str:
    if not thresholds:
        return "Nothing is decided at a threshold.\n"
    return f"Decided at: {', '.join(f'`{name}` from {value:g}' for name, value in sorted(thresholds.items()))}\n"


def _parity(artifact: Artifact) -> str:
    parity = artifact.parity
    rows = (
        # In INT8 single detections may move: the metrics hold them.
        (name, f"{worst:.3g}", f"{parity.tolerance[name]:.3g}" if name in parity.tolerance else "not bounded alone")
        for name, worst in sorted(parity.max_abs_difference.items())
    )
    words = f"{'Passed' if parity.passed else 'Failed'} on {parity.images} images of the validation split"
    if parity.detections:
        words += f": {parity.matched:.1%} of {parity.detections} detections matched one to one"
    return words + ".\n\n" + _table(("output", "largest difference", "accepted"), rows)


def _latency(artifact: Artifact) -> str:
    benchmark = artifact.benchmark
    return (
        f"{benchmark.latency_ms_p50:.1f} ms median, {benchmark.latency_ms_p95:.1f} ms at the 95th percentile "
        f"(checkpoint, eager: {benchmark.eager_latency_ms_p50:.1f} ms median) over {benchmark.images} images "
        f"on {benchmark.device}.\n"
    )


def _refusals(release: Release) -> str:
    if not release.refusals:
        return ""
    rows = ((refusal.format, refusal.code, refusal.message) for refusal in release.refusals)
    return "## Formats that could not be made\n\n" + _table(("format", "code", "reason"), rows)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
