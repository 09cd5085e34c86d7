"""Which package a version has: the first that was stored whole, whoever else made one of the same checkpoint.

Two exporters may hold one run, where the broker was away or a service stood still. What they make differs (benchmarks,
times), and files of both would be mixed. A package holds all of a release, so that its object is the decision: it is
written on the condition that none is there, and who finds another's goes on with that one's files.
"""

import tarfile
from dataclasses import replace
from pathlib import Path

from truscore.files import sha256_of
from truscore.releases import MANIFEST, InvalidManifest, NotVerified, unpack
from truscore.releases.whole_package import verify_package
from truscore.storage import ObjectChanged, ObjectMissing, Store, StoreUnavailable, TooLarge
from truscore.storage.signing import Verifier

from services.exporter.manifest import release_from_json
from services.exporter.release import Release

CONTENT_TYPE = "application/x-tar"
MOST_ATTEMPTS = 20
MOST_BYTES = 5 << 30  # what S3 takes in one request, as a package has to be stored


def commit(
    store: Store, uri: str, package: Path, release: Release, folder: Path, *, verifier: Verifier
) -> tuple[Release, Path]:
    """The release that this version has, with its package's digest, and the folder that its files lie in.

    That is `release`, whose `package` is stored at `uri`, unless one of its checkpoint and formats is there: then that
    one's files are unpacked below `folder`. A package of another checkpoint, a damaged one, and one that is not sealed
    as the `verifier` demands is replaced: who may write to the bucket must not have a model of theirs signed. Raises
    StoreError.
    """
    for attempt in range(MOST_ATTEMPTS):
        # The ETag first: what is written between both calls makes the write fail.
        entry = store.stat(uri)
        theirs = folder / f"theirs-{attempt}"
        if entry is not None and (found := _adopted(store, uri, release, theirs, verifier)) is not None:
            return found, theirs
        try:
            etag = entry.etag if entry else ""
            stored = store.put_file_if(uri, package, etag=etag, content_type=CONTENT_TYPE)
        except ObjectChanged:
            continue
        return replace(release, package_sha256=stored.sha256), folder
    raise StoreUnavailable(uri, f"was written by others {MOST_ATTEMPTS} times while we wanted to")


def _adopted(store: Store, uri: str, release: Release, folder: Path, verifier: Verifier) -> Release | None:
    """What the package at `uri` holds, unpacked into `folder`, where it answers the same order."""
    folder.mkdir()
    package = folder / uri.rpartition("/")[2]
    try:
        store.get_file(uri, package, limit_bytes=MOST_BYTES)
        verify_package(package, verifier)
        unpack(package, folder)
        found = release_from_json((folder / MANIFEST).read_bytes())
    except (ObjectMissing, TooLarge, InvalidManifest, NotVerified, tarfile.TarError):
        return None
    same = (found.model_id, found.version, found.checkpoint_sha256) == (
        release.model_id,
        release.version,
        release.checkpoint_sha256,
    )
    if not same or not _answered(release) <= _answered(found):
        return None
    return replace(found, package_sha256=sha256_of(package))


def _answered(release: Release) -> set[str]:
    return {each.format for each in release.artifacts} | {each.format for each in release.refusals}
