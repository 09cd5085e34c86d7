"""Released models: their manifest, files, digests and signature. Knows nothing of how a model is made or run."""

from truscore.releases.fetching import Fetched, Place, UnknownFormat, fetch_release, released
from truscore.releases.manifest import (
    CARD,
    MANIFEST,
    PACKAGE,
    InvalidManifest,
    Manifest,
    ReleasedFile,
    read_manifest,
    release_statement,
)
from truscore.releases.package import unpack
from truscore.releases.verification import NotVerified, UnsignedRelease, check_file, check_signature, manifest_in

__all__ = [
    "CARD",
    "MANIFEST",
    "PACKAGE",
    "Fetched",
    "InvalidManifest",
    "Manifest",
    "NotVerified",
    "Place",
    "ReleasedFile",
    "UnknownFormat",
    "UnsignedRelease",
    "check_file",
    "check_signature",
    "fetch_release",
    "manifest_in",
    "read_manifest",
    "release_statement",
    "released",
    "unpack",
]
