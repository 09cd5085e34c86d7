"""A package as a whole, checked without a network: archive, sums, signature, and whether its documents agree."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from truscore.releases.archive import DamagedArchive, Member, read_archive
from truscore.releases.layout import BENCHMARK, CONTRACT, PARITY, PROVENANCE, SEAL, SUMS
from truscore.releases.manifest import CARD, MANIFEST, InvalidManifest, Manifest, read_manifest
from truscore.releases.seal import InvalidSeal, open_seal, sums_text
from truscore.releases.verification import NotVerified, check_signature
from truscore.storage.signing import Verifier

DOCUMENT_LIMIT_BYTES = 16 << 20
DOCUMENTS = (MANIFEST, CONTRACT, PROVENANCE, PARITY, BENCHMARK)
NEEDED = (SUMS, CARD, *DOCUMENTS)
SHOWN = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedPackage:
    """`signed_by` is the id of the key that signed the sums, empty where nobody did; `trusted` whether the reader
    trusts it, who trusts none where none was named."""

    manifest: Manifest
    members: tuple[Member, ...]
    signed_by: str
    trusted: bool


def verify_package(path: Path, verifier: Verifier) -> VerifiedPackage:
    """Raises NotVerified naming the member, or that the archive itself is damaged, and OSError."""
    with path.open("rb") as file:
        try:
            members = {member.name: member for member in read_archive(file)}
        except DamagedArchive as error:
            raise NotVerified(f"{path}: {error}") from error
        if missing := [name for name in NEEDED if name not in members]:
            raise NotVerified(f"{path} has no {missing[0]}: packages of this system have {', '.join(NEEDED)}")
        sums = _content(file, members[SUMS])
        _check_sums(path, members, sums)
        signed_by, trusted = _check_seal(path, file, members, sums, verifier)
        documents = {name: _document(path, name, _content(file, members[name])) for name in DOCUMENTS}
        try:
            manifest = read_manifest(_content(file, members[MANIFEST]))
        except InvalidManifest as error:
            raise NotVerified(f"{path}: {MANIFEST}: {error}") from error
    check_signature(manifest, verifier)
    digests = {name: member.sha256 for name, member in members.items()}
    if faults := list(_disagreements(manifest, documents, digests)):
        raise NotVerified(f"{path}: {'; '.join(faults[:SHOWN])}")
    return VerifiedPackage(manifest=manifest, members=tuple(members.values()), signed_by=signed_by, trusted=trusted)


def _content(file: BinaryIO, member: Member) -> bytes:
    if member.link or member.size_bytes > DOCUMENT_LIMIT_BYTES:
        raise NotVerified(f"{member.name} has {member.size_bytes} bytes; accepted: a file of {DOCUMENT_LIMIT_BYTES}")
    file.seek(member.offset)
    return file.read(member.size_bytes)


def _check_sums(path: Path, members: Mapping[str, Member], sums: bytes) -> None:
    found = {name: member.sha256 for name, member in members.items() if name not in {SUMS, SEAL}}
    if sums == sums_text(found).encode():
        return
    lines = [line.partition("  ") for line in sums.decode(errors="replace").splitlines()]
    listed = {name: sha256 for sha256, _, name in lines}
    wrong = [
        f"{name} has SHA-256 {sha256}, {SUMS} says {listed.get(name, 'nothing of it')}"
        for name, sha256 in sorted(found.items())
        if listed.get(name) != sha256
    ]
    wrong += [f"{SUMS} names {name!r}, which is not there" for name in sorted(set(listed) - set(found))]
    raise NotVerified(f"{path}: {'; '.join(wrong[:SHOWN]) or f'{SUMS} is not as it was written'}")


def _check_seal(
    path: Path, file: BinaryIO, members: Mapping[str, Member], sums: bytes, verifier: Verifier
) -> tuple[str, bool]:
    if SEAL not in members:
        if verifier.required:
            raise NotVerified(f"{path} is not signed: it has no {SEAL}, and keys are trusted")
        return "", False
    try:
        opened = open_seal(_content(file, members[SEAL]), sums, verifier)
    except InvalidSeal as error:
        raise NotVerified(f"{path}: {SEAL}: {error}") from error
    return opened.key_id, opened.trusted


def _document(path: Path, name: str, content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NotVerified(f"{path}: {name} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise NotVerified(f"{path}: {name} is {type(document).__name__}; accepted: an object of JSON")
    return document


def _disagreements(
    manifest: Manifest, documents: Mapping[str, Mapping[str, Any]], digests: Mapping[str, str]
) -> Iterator[str]:
    """Where what the documents say of files, model and version is not what is there."""
    for each in manifest.files:
        if digests.get(each.file_name) != each.sha256:
            yield f"{MANIFEST} says SHA-256 {each.sha256} of {each.file_name}, which {_has(digests, each.file_name)}"
    contract = documents[CONTRACT]
    named = contract.get("model_id"), contract.get("version")
    if named != (manifest.model_id, manifest.version):
        yield f"{CONTRACT} is of {named[0]}@{named[1]}, {MANIFEST} of {manifest.model_id}@{manifest.version}"
    claimed = {CONTRACT: contract.get("files"), PROVENANCE: documents[PROVENANCE].get("subject")}
    for document, files in claimed.items():
        for name, sha256 in _claims(files):
            if digests.get(name) != sha256:
                yield f"{document} says SHA-256 {sha256} of {name}, which {_has(digests, name)}"
    formats = {each.format for each in manifest.artifacts}
    for report in (PARITY, BENCHMARK):
        if set(documents[report]) != formats:
            yield f"{report} is about {', '.join(documents[report])}; the package has {', '.join(sorted(formats))}"


def _claims(files: Any) -> Iterator[tuple[str, str]]:
    for each in files if isinstance(files, list) else ():
        if isinstance(each, dict):
            digest = each.get("digest")
            sha256 = digest.get("sha256") if isinstance(digest, dict) else each.get("sha256")
            yield str(each.get("file_name", each.get("name"))), str(sha256)


def _has(digests: Mapping[str, str], name: str) -> str:
    return f"has {digests[name]}" if name in digests else "is not there"
