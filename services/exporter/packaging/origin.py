"""What a release was made from, as far as it is on record: for its card and its provenance."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from truscore.catalog.networks import NETWORKS
from truscore.storage import ObjectRef

SAMPLES = {
    "whole": "whole images",
    "windows": "windows of native resolution",
    "copy_paste": "whole images, half of them with instances of another",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Empty where nobody knows. `inputs` are the objects that the model came of, by what they are; `images` their
    number by part of the split; `training` what a person asks first about how it was trained; `weaknesses` sentences
    from the run's error analysis."""

    inputs: Mapping[str, ObjectRef] = field(default_factory=dict)
    dataset_uri: str = ""
    dataset_digest: str = ""
    images: Mapping[str, int] = field(default_factory=dict)
    network: str = ""
    licence: str = ""
    pretrained: str = ""
    training: Mapping[str, str] = field(default_factory=dict)
    test_metrics: Mapping[str, float] = field(default_factory=dict)
    weaknesses: tuple[str, ...] = ()
    code_commit: str = ""  # of the exporter
    training_commit: str = ""  # of the trainer


UNKNOWN = Origin()


def from_report(content: bytes) -> dict[str, Any]:
    """Fields of Origin that a run's report knows; none where it is no report that is known here."""
    try:
        report = json.loads(content)
        architecture = report["recipe"]["architecture_config"]
        name = str(architecture["base_architecture"])
        network = NETWORKS.get(name)
        return {
            "images": {str(part): int(count) for part, count in report["dataset"]["images"].items()},
            "network": name,
            "licence": network.licence if network else "",
            "pretrained": str(architecture["pretrained_weights"]),
            "training": training_of(report),
            "test_metrics": {str(key): float(value) for key, value in report["test"].items()},
            "weaknesses": tuple(weaknesses(report["errors"])),
            # Reports of older trainers do not have it.
            "training_commit": str(report.get("git_commit", "")),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def training_of(report: Mapping[str, Any]) -> dict[str, str]:
    """How the model was trained, as it is named to people; what a report leaves out is left out."""
    recipe: Mapping[str, Any] = report["recipe"]
    optimization: Mapping[str, Any] = recipe.get("hyperparameters", {}).get("optimization", {})
    known: dict[str, object] = {
        "Epoch handed over": f"{report['best_epoch']} of {len(report['epochs'])}" if report.get("epochs") else None,
        # A recipe leaves out what it had before there was a choice.
        "Samples": SAMPLES.get(recipe.get("sampling", "whole")),
        "Sample size in pixels": recipe.get("image_size"),
        "Batch size of a process": optimization.get("batch_size"),
        # Only of runs whose recipe has it found.
        "Why that batch size": report.get("notes", {}).get("batch_size"),
        "Learning rate": optimization.get("learning_rate"),
        "Seed": recipe.get("seed"),
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def weaknesses(errors: Mapping[str, Any]) -> list[str]:
    """In sentences: what is confused, which property of images goes with errors, and the worst images."""
    sentences = [
        f"{one['share']:.0%} of {one['real']} are taken for {one['found']} ({one['count']} of the validation images' "
        f"{one['matrix']})"
        for one in errors["confused"][:3]
    ]
    sentences += [
        f"the {'larger' if one['correlation'] > 0 else 'smaller'} an image's {one['property'].replace('_', ' ')}, the "
        f"larger its error (rank correlation {one['correlation']:.2f} over {one['images']} images)"
        for one in errors["by_property"]
        if one["notable"]
    ]
    sentences += [
        f"{one['image']}: {errors['error_name'] or 'error'} {one['error']:.4g}, on average {errors['mean_error']:.4g}"
        for one in errors["worst"][:3]
    ]
    return sentences
