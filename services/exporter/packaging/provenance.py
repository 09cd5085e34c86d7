"""Where a package is from: an in-toto statement with SLSA's provenance v1 as its predicate
(https://slsa.dev/spec/v1.0/provenance)."""

from collections.abc import Mapping
from typing import Any

from services.exporter.packaging.origin import Origin
from services.exporter.release import Release

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:truscore:export:1"
BUILDER = "urn:truscore:exporter"


def provenance_of(release: Release, origin: Origin, digests: Mapping[str, str]) -> dict[str, Any]:
    """As plain values for JSON; `digests` are the SHA-256 of the subjects by name."""
    dependencies = [
        {"name": what, "uri": ref.uri, "digest": {"sha256": ref.sha256}} for what, ref in sorted(origin.inputs.items())
    ]
    if origin.dataset_uri:
        digest = {"digest": {"sha256": origin.dataset_digest}} if origin.dataset_digest else {}
        dependencies.append({"name": "dataset", "uri": origin.dataset_uri, **digest})
    for name, commit in (("code", origin.code_commit), ("training_code", origin.training_commit)):
        if commit:
            dependencies.append({"name": name, "uri": "git+truscore", "digest": {"gitCommit": commit}})
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digests[name]}} for name in sorted(digests)],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "run_id": release.run_id,
                    "formats": [each.format for each in release.artifacts],
                    "dataset_id": release.dataset_id,
                    "dataset_version": release.dataset_version,
                },
                "internalParameters": {each.format: dict(each.notes) for each in release.artifacts},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {
                    "invocationId": f"{release.model_id}@{release.version}",
                    **({"finishedOn": release.exported_at} if release.exported_at else {}),
                },
            },
        },
    }
