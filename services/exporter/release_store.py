"""Where releases are kept: the package first, its files beside it, each read back, the manifest last."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from truscore.files import sha256_of
from truscore.releases import CARD, MANIFEST, PACKAGE, InvalidManifest, read_manifest
from truscore.releases.archive import write_archive
from truscore.releases.manifest import LIMIT_BYTES
from truscore.storage import ObjectMissing, Store
from truscore.storage.signing import Signer, Verifier

from services.exporter.committed_package import commit
from services.exporter.formats import choose_formats
from services.exporter.manifest import release_from_json, release_to_json
from services.exporter.model_card import model_card
from services.exporter.order import ExportOrder
from services.exporter.packaging import UNKNOWN, Origin, package_files
from services.exporter.release import Artifact, Release

CONTENT_TYPES = {".json": "application/json", ".md": "text/markdown"}


class ReleaseStore:
    """Releases under `s3://<bucket>/models/<model>/<version>/`. Synchronous; may take as long as the store does.

    With a `signer`, each manifest is signed."""

    def __init__(self, store: Store, *, bucket: str, signer: Signer | None = None) -> None:
        self._store = store
        self._bucket = bucket
        self._signer = signer
        self._ours = Verifier([signer.public_hex] if signer else [])

    def address(self, model_id: str, version: str, name: str) -> str:
        return f"s3://{self._bucket}/models/{model_id}/{version}/{name}"

    def find(self, order: ExportOrder) -> Release | None:
        """The release that was made of this very checkpoint in these formats before; None where there is none."""
        if (release := self.at(order, order.version)) is None:
            return None
        accepted, refused = choose_formats(order)
        answered = {each.format for each in release.artifacts} | {each.format for each in release.refusals}
        wanted = {*accepted, *(refusal.format for refusal in refused)}
        return release if wanted <= answered else None

    def at(self, order: ExportOrder, version: str) -> Release | None:
        """This version of the order's model, where it was made of the order's checkpoint."""
        try:
            uri = self.address(order.model_id, version, MANIFEST)
            release = release_from_json(self._store.get(uri, limit_bytes=LIMIT_BYTES))
        except (ObjectMissing, InvalidManifest):
            return None
        return release if release.checkpoint_sha256 == order.checkpoint.sha256 else None

    def of_run(self, order: ExportOrder) -> tuple[Release, ...]:
        """Every version of the order's run, those of fewer formats first."""
        prefix = self.address(order.model_id, order.run_id, "")
        names = [entry.uri.removeprefix(prefix[:-1]) for entry in self._store.list(prefix[:-1])]
        versions = [
            order.run_id + name.removesuffix(f"/{MANIFEST}")
            for name in names
            if name.endswith(f"/{MANIFEST}") and name[0] in "./"
        ]
        found = [release for version in versions if (release := self.at(order, version)) is not None]
        return tuple(sorted(found, key=lambda release: (len(release.artifacts), release.version)))

    def fetch(self, release: Release, artifact: Artifact, folder: Path) -> None:
        """A file of a kept release into the folder. Raises StoreError."""
        uri = self.address(release.model_id, release.version, artifact.file_name)
        path = folder / artifact.file_name
        self._store.get_file(uri, path, sha256=artifact.sha256, limit_bytes=artifact.size_bytes)

    def keep(self, release: Release, folder: Path, origin: Origin = UNKNOWN) -> Release:
        """Packs and stores the release, whose artefacts lie in `folder`; returns it with the package's digest.

        Returned, and in the store, is what another exporter made of the same order, where that one was first.
        """
        files = {artifact.file_name: folder / artifact.file_name for artifact in release.artifacts}
        (folder / CARD).write_text(model_card(release, origin), encoding="utf-8")
        release = replace(release, card_sha256=sha256_of(folder / CARD))
        (folder / MANIFEST).write_bytes(release_to_json(self._signed(release)))
        packed = {**files, CARD: folder / CARD, MANIFEST: folder / MANIFEST}
        members = package_files(release, origin, packed, folder / "package", signer=self._signer)
        write_archive(folder / PACKAGE, members)
        self._publish_key()
        place = self.address(release.model_id, release.version, PACKAGE)
        committed, files_in = commit(self._store, place, folder / PACKAGE, release, folder, verifier=self._ours)
        kept = self._signed(committed)
        self._read_back(place, kept.package_sha256, folder)
        names = (*(each.file_name for each in kept.artifacts), CARD)
        self._upload(kept, {name: files_in / name for name in names})
        (folder / MANIFEST).write_bytes(release_to_json(kept))
        self._upload(kept, {MANIFEST: folder / MANIFEST})
        return kept

    def keep_report(self, order: ExportOrder, report: Path) -> str:
        """Stores a report of the gate beside the release, whether there is one or not; returns its address."""
        uri = self.address(order.model_id, order.version, report.name)
        self._store.put_file(uri, report, content_type=CONTENT_TYPES[".json"])
        return uri

    def _publish_key(self) -> None:
        """The public key beside the models, for whoever wants to trust it."""
        if self._signer is not None:
            uri = f"s3://{self._bucket}/models/keys/{self._signer.key_id}.pub"
            if self._store.stat(uri) is None:
                self._store.put(uri, f"{self._signer.public_hex}\n".encode(), content_type="text/plain")

    def _signed(self, release: Release) -> Release:
        if self._signer is None:
            return release
        # As an engine will read it.
        statement = read_manifest(release_to_json(release)).statement
        return replace(release, signing_key_id=self._signer.key_id, ed25519_signature=self._signer.sign(statement))

    def _upload(self, release: Release, files: Mapping[str, Path]) -> None:
        for name, path in files.items():
            uri = self.address(release.model_id, release.version, name)
            self._store.put_file(uri, path, content_type=CONTENT_TYPES.get(path.suffix, "application/octet-stream"))
            self._read_back(uri, sha256_of(path), path.parent)

    def _read_back(self, uri: str, sha256: str, folder: Path) -> None:
        # As an engine will fetch it; raises DigestMismatch where the store gives other bytes than it took.
        with TemporaryDirectory(dir=folder) as scratch:
            self._store.get_file(uri, Path(scratch) / "copy", sha256=sha256)
