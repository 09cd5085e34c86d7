"""What was made of a checkpoint: the artefacts with their proofs, as they are recorded and announced."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from truscore.metrics.comparison import Comparison


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """A tensor at the edge of a model; `shape` holds lengths or the names of dimensions that vary."""

    name: str
    dtype: str
    shape: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What goes in and what comes out; label n is `class_names[n - 1]`.

    `task` is one of the catalog. `thresholds` are what the reported metrics were decided at, by the output they are
    compared with; empty for a task that decides nothing, or decides for the most probable class.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    class_names: tuple[str, ...]
    task: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricParity:
    """A metric of checkpoint and artefact on the same images of a split, in the metric's own unit."""

    split: str
    metric: str
    checkpoint: float
    artifact: float
    accepted_loss: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How near an artefact is to the checkpoint, by output, in the output's own unit; `cosine` is the least similarity
    of an output over the images, `metrics` those of the task on labelled images."""

    passed: bool
    images: int
    detections: int
    matched: float
    max_abs_difference: Mapping[str, float]
    tolerance: Mapping[str, float]
    cosine: Mapping[str, float] = field(default_factory=dict)
    metrics: tuple[MetricParity, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """Latency of one image, beside the eager checkpoint on the same device and images."""

    device: str
    latency_ms_p50: float
    latency_ms_p95: float
    eager_latency_ms_p50: float
    images: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """A file made of the checkpoint; `file_name` is its place in the release's folder."""

    format: str
    file_name: str
    sha256: str
    size_bytes: int
    parity: Parity
    benchmark: Benchmark
    signature: Signature
    notes: Mapping[str, str] = field(default_factory=dict)  # runtime and version, and what was decided in making it


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A format that could not be made, and why."""

    format: str
    code: str
    message: str
    report: str = ""  # file name of the gate's report, where the gate refused it; in the store its address


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A model version: what it was made from and what was made."""

    model_id: str
    version: str
    run_id: str
    checkpoint_sha256: str
    dataset_id: str
    dataset_version: str
    category: str
    option: str
    architecture: str
    metrics: Mapping[str, float]
    artifacts: tuple[Artifact, ...]
    refusals: tuple[Refusal, ...]
    duration_s: float = 0.0  # that making it took
    exported_at: str = ""  # ISO 8601, the time of its announcement; "" in manifests of earlier releases
    comparison: Comparison | None = None  # with trivial predictors; None where the run made none
    card_sha256: str = ""
    # Empty inside the package itself, which cannot hold its own digest.
    package_sha256: str = ""
    # Ed25519 over the release's statement (truscore.releases), hexadecimal; both empty where no key is configured.
    signing_key_id: str = ""
    ed25519_signature: str = ""
