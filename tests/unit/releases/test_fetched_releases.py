"""A release is fetched whole and verified, or not at all."""

import json
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from truscore.releases import (
    InvalidManifest,
    NotVerified,
    UnknownFormat,
    UnsignedRelease,
    check_signature,
    fetch_release,
    manifest_in,
    read_manifest,
    unpack,
)
from truscore.storage import MemoryStore
from truscore.storage.signing import InvalidKey, Signer, Verifier, key_id_of

from services.exporter.release import Release
from tests.unit.releases.kept import MODEL, MODEL_ID, OTHER_PUBLIC, PRIVATE, PUBLIC, RUN, keep, place

NOBODY = Verifier()
US = Verifier([OTHER_PUBLIC, PUBLIC])
HERE = f"s3://truscore/models/{MODEL_ID}/{RUN}/"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def signed(store: MemoryStore, tmp_path: Path) -> Release:
    return keep(store, "truscore", tmp_path / "made", key=PRIVATE)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def changed(store: MemoryStore, **changes: object) -> None:
    """The manifest in the store with other values."""
    document = json.loads(store.get(HERE + "manifest.json", limit_bytes=1 << 20))
    store.put(HERE + "manifest.json", json.dumps(document | changes).encode())


def test_the_files_of_a_signed_release_are_fetched_and_the_key_is_named(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    fetched = fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=US)
    assert names(tmp_path / "to") == ["manifest.json", "model-card.md", "model.onnx"]
    assert (tmp_path / "to" / "model.onnx").read_bytes() == MODEL
    assert fetched.signed_by == key_id_of(PUBLIC)
    assert manifest_in(tmp_path / "to") == fetched.manifest
    assert names(tmp_path) == ["made", "to"]


@pytest.mark.parametrize("format", ["onnx", "package"])
def test_one_format_is_fetched_alone(format: str, store: MemoryStore, signed: Release, tmp_path: Path) -> None:
    fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=US, formats=(format,))
    wanted = {"onnx": "model.onnx", "package": "package.tar"}[format]
    assert names(tmp_path / "to") == ["manifest.json", wanted]


def test_a_format_that_was_not_made_is_refused_with_those_that_were(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    with pytest.raises(UnknownFormat, match=r"'tensorrt'; accepted: card, onnx, package"):
        fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=US, formats=("tensorrt",))
    assert names(tmp_path) == ["made"]


@pytest.mark.parametrize(
    ("name", "content"), [("model.onnx", MODEL[:-1] + b"!"), ("model.onnx", MODEL + b"!"), ("model.onnx", MODEL[:-1])]
)
def test_a_file_of_other_bytes_is_refused_by_name_and_nothing_is_written(
    name: str, content: bytes, store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    store.put(HERE + name, content)
    with pytest.raises(NotVerified, match=r"model\.onnx"):
        fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=US)
    assert names(tmp_path) == ["made"]


def test_files_that_were_fetched_before_stay_when_a_later_fetch_is_refused(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=US)
    store.put(HERE + "model.onnx", b"other")
    with pytest.raises(NotVerified):
        fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=US)
    assert (tmp_path / "to" / "model.onnx").read_bytes() == MODEL
    assert names(tmp_path) == ["made", "to"]


def test_a_manifest_whose_digests_were_changed_with_the_file_is_refused_by_its_signature(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    forged = keep(MemoryStore(), "truscore", tmp_path / "forged", model=b"another network")
    store.put(HERE + "model.onnx", b"another network")
    changed(store, artifacts=json.loads(json.dumps([_plain(forged)])))
    with pytest.raises(UnsignedRelease, match="is not over this content"):
        fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=US)
    assert names(tmp_path) == ["forged", "made"]


def _plain(release: Release) -> dict[str, object]:
    (artifact,) = release.artifacts
    return {
        "format": artifact.format,
        "file_name": artifact.file_name,
        "sha256": artifact.sha256,
        "size_bytes": artifact.size_bytes,
    }


def test_an_unsigned_release_is_taken_where_no_key_is_trusted_and_refused_where_one_is(
    store: MemoryStore, tmp_path: Path
) -> None:
    unsigned = keep(store, "truscore", tmp_path / "made")
    assert fetch_release(store, place("truscore", unsigned), tmp_path / "to", verifier=NOBODY).signed_by == ""
    with pytest.raises(UnsignedRelease, match="signed by nobody; trusted keys: "):
        fetch_release(store, place("truscore", unsigned), tmp_path / "again", verifier=US)


def test_a_release_signed_by_a_key_that_is_not_trusted_is_refused(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    with pytest.raises(UnsignedRelease, match=f"signed by {key_id_of(PUBLIC)}"):
        fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=Verifier([OTHER_PUBLIC]))


def test_a_manifest_that_differs_from_what_was_announced_is_refused(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    announced = place("truscore", signed, **{"model.onnx": "0" * 64})
    with pytest.raises(NotVerified, match=r"model\.onnx: announced with SHA-256 0000"):
        fetch_release(store, announced, tmp_path / "to", verifier=US)


def test_a_release_of_another_model_in_this_ones_place_is_refused(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    changed(store, version="run-of-somebody-else")
    with pytest.raises(NotVerified, match="run-of-somebody-else"):
        fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=NOBODY)


def test_a_folder_of_another_release_is_not_written_over(store: MemoryStore, signed: Release, tmp_path: Path) -> None:
    other = keep(store, "truscore", tmp_path / "other", version="run-2")
    fetch_release(store, place("truscore", signed), tmp_path / "to", verifier=NOBODY)
    with pytest.raises(FileExistsError, match=RUN):
        fetch_release(store, place("truscore", other), tmp_path / "to", verifier=NOBODY)


@pytest.mark.parametrize(
    "file_name", ["../model.onnx", "/etc/passwd", ".hidden", "a/b", "", "model.onnx\n", "..", "a b"]
)
def test_a_manifest_that_names_a_file_outside_its_folder_is_refused(
    file_name: str, store: MemoryStore, signed: Release
) -> None:
    changed(store, artifacts=[_plain(signed) | {"file_name": file_name}])
    with pytest.raises(InvalidManifest, match=r"file_name|names the file"):
        read_manifest(store.get(HERE + "manifest.json", limit_bytes=1 << 20))


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"[" * 100_000, b'{"schema": "truscore.release/9"}', b'{"schema": "truscore.release/1"}'],
)
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidManifest):
        read_manifest(data)


def test_a_package_gives_the_files_of_its_release_and_its_own_signature(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    package, folder = tmp_path / "package.tar", tmp_path / "unpacked"
    store.get_file(HERE + "package.tar", package)
    folder.mkdir()
    manifest = unpack(package, folder)
    assert names(folder) == ["manifest.json", "model-card.md", "model.onnx"]
    assert check_signature(manifest, US) == key_id_of(PUBLIC)


def packed(path: Path, members: dict[str, bytes], *, link: str = "") -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return path


def test_a_package_with_a_changed_file_is_refused_by_name(store: MemoryStore, signed: Release, tmp_path: Path) -> None:
    with tarfile.open(fileobj=BytesIO(store.get(HERE + "package.tar", limit_bytes=1 << 20))) as archive:
        members = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    (tmp_path / "to").mkdir()
    with pytest.raises(NotVerified, match=r"model\.onnx has SHA-256"):
        unpack(packed(tmp_path / "p.tar", members | {"model.onnx": MODEL[:-1] + b"!"}), tmp_path / "to")


def test_a_package_with_a_link_for_a_file_or_something_beside_gives_neither(
    store: MemoryStore, signed: Release, tmp_path: Path
) -> None:
    with tarfile.open(fileobj=BytesIO(store.get(HERE + "package.tar", limit_bytes=1 << 20))) as archive:
        members = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    (tmp_path / "to").mkdir()
    unpack(packed(tmp_path / "beside.tar", {**members, "../beside": b"x"}, link="linked"), tmp_path / "to")
    assert names(tmp_path / "to") == ["manifest.json", "model-card.md", "model.onnx"]
    assert not (tmp_path / "beside").exists()
    del members["model.onnx"]
    (tmp_path / "other").mkdir()
    with pytest.raises(NotVerified, match=r"holds no file 'model\.onnx'"):
        unpack(packed(tmp_path / "linked.tar", members, link="model.onnx"), tmp_path / "other")


def test_a_file_that_is_no_archive_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "package.tar").write_bytes(b"PK\x03\x04" * 400)
    with pytest.raises(InvalidManifest, match="no package"):
        unpack(tmp_path / "package.tar", tmp_path)


def test_what_is_no_key_is_refused_without_being_shown() -> None:
    with pytest.raises(InvalidKey, match="64 hexadecimal digits") as refused:
        Signer("secret")
    assert "secret" not in str(refused.value)
