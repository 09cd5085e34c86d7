"""A release as its manifest. In the store it marks a release as done and holds all that its announcement says."""

from dataclasses import asdict

from pydantic import TypeAdapter, ValidationError
from truscore.releases.manifest import InvalidManifest, manifest_from_json, manifest_to_json

from services.exporter.release import Release

# Manifests of earlier releases lack fields, which then have their defaults.
_RELEASE = TypeAdapter(Release)


def release_to_json(release: Release) -> bytes:
    return manifest_to_json(asdict(release))


def release_from_json(data: bytes) -> Release:
    """Raises InvalidManifest."""
    try:
        return _RELEASE.validate_python(manifest_from_json(data))
    except ValidationError as error:
        raise InvalidManifest(f"not a release manifest: {error}") from error
