"""`truscore verify`: a package as the exporter writes it, and every way in which it is not."""

import json
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import jsonschema
import kept
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.releases import NotVerified
from truscore.releases.archive import write_archive
from truscore.releases.layout import BILL, CONTRACT, PROVENANCE, SEAL, SUMS
from truscore.releases.seal import sums_text
from truscore.releases.whole_package import verify_package
from truscore.storage import MemoryStore
from truscore.storage.signing import Verifier

SCHEMA = Path(__file__).parents[3] / "docs" / "model-contract.schema.json"
ANYBODY = Verifier()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Signed and unsigned."""
    made = {}
    for name, key in (("signed", kept.PRIVATE), ("unsigned", "")):
        store = MemoryStore()
        release = kept.keep(store, "truscore", tmp_path_factory.mktemp(name), key=key)
        made[name] = store.get(kept.place("truscore", release).uri + "/package.tar", limit_bytes=1 << 24)
    return made


def on_disk(folder: Path, content: bytes) -> Path:
    path = folder / "package.tar"
    path.write_bytes(content)
    return path


def members_of(package: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=BytesIO(package)) as archive:
        found = {member.name: archive.extractfile(member) for member in archive}
        return {name: content.read() for name, content in found.items() if content}


def packed(folder: Path, members: Mapping[str, bytes]) -> Path:
    files = {}
    for number, (name, content) in enumerate(members.items()):
        files[name] = folder / f"{number}.part"
        files[name].write_bytes(content)
    write_archive(folder / "packed.tar", files)
    return folder / "packed.tar"


def summed(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """With sums that are right: what somebody would write who has no key."""
    left = {name: content for name, content in members.items() if name not in {SUMS, SEAL}}
    return left | {
        SUMS: sums_text({name: kept.hashlib.sha256(each).hexdigest() for name, each in left.items()}).encode()
    }


def test_a_package_is_verified_whole_and_says_who_signed_it(packages: Mapping[str, bytes], tmp_path: Path) -> None:
    found = verify_package(on_disk(tmp_path, packages["signed"]), Verifier([kept.PUBLIC]))
    assert (found.signed_by, found.trusted) == (kept.Signer(kept.PRIVATE).key_id, True)
    assert {"contract.json", "model-card.md", "model.onnx", "serving/Dockerfile"} < {
        each.name for each in found.members
    }
    assert not verify_package(on_disk(tmp_path, packages["unsigned"]), ANYBODY).signed_by


@pytest.mark.parametrize("which", ["signed", "unsigned"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_byte_changed_anywhere_is_refused_and_the_place_is_named(
    which: str, packages: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    package = packages[which]
    at = data.draw(st.integers(0, len(package) - 1))
    other = data.draw(st.integers(1, 255))
    changed = bytearray(package)
    changed[at] ^= other
    path = on_disk(tmp_path_factory.getbasetemp(), bytes(changed))
    with pytest.raises(NotVerified) as refused:
        verify_package(path, ANYBODY)
    named = str(refused.value)
    assert "the archive is damaged" in named or any(name in named for name in members_of(package)), named


@pytest.mark.parametrize(("cut", "added"), [(512, b""), (1, b""), (0, b"\0"), (0, bytes(10240)), (5000, b"")])
def test_an_archive_that_is_cut_or_has_something_behind_is_damaged(
    cut: int, added: bytes, packages: Mapping[str, bytes], tmp_path: Path
) -> None:
    package = packages["signed"]
    with pytest.raises(NotVerified, match="the archive is damaged"):
        verify_package(on_disk(tmp_path, package[: len(package) - cut] + added), ANYBODY)


def test_a_file_that_was_exchanged_with_its_sum_is_betrayed_by_signature_and_documents(
    packages: Mapping[str, bytes], tmp_path: Path
) -> None:
    members = members_of(packages["signed"])
    exchanged = summed(members | {"model.onnx": b"another"})
    with pytest.raises(NotVerified, match="is not signed"):
        verify_package(packed(tmp_path, exchanged), Verifier([kept.PUBLIC]))
    with pytest.raises(NotVerified, match=r"SHA256SUMS.sig.json: .*not over this package"):
        verify_package(packed(tmp_path, exchanged | {SEAL: members[SEAL]}), ANYBODY)
    with pytest.raises(NotVerified, match=r"manifest.json says SHA-256 \w+ of model.onnx, which has"):
        verify_package(packed(tmp_path, exchanged), ANYBODY)


def test_another_key_than_the_trusted_one_is_refused_by_name(packages: Mapping[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(NotVerified, match=f"signed by {kept.Signer(kept.PRIVATE).key_id}; trusted keys"):
        verify_package(on_disk(tmp_path, packages["signed"]), Verifier([kept.OTHER_PUBLIC]))


@pytest.mark.parametrize("name", [SUMS, CONTRACT, PROVENANCE, "manifest.json", "model-card.md"])
def test_a_package_without_one_of_its_documents_names_it(
    name: str, packages: Mapping[str, bytes], tmp_path: Path
) -> None:
    members = members_of(packages["unsigned"])
    del members[name]
    with pytest.raises(NotVerified, match=f"has no {name}"):
        verify_package(packed(tmp_path, members), ANYBODY)


def test_a_member_that_leaves_its_folder_or_is_a_link_out_of_it_is_refused(tmp_path: Path) -> None:
    for kind, name, link in (
        (tarfile.REGTYPE, "../up", ""),
        (tarfile.SYMTYPE, "a", "/etc/passwd"),
        (tarfile.LNKTYPE, "a", "b"),
    ):
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mode = kind, link, 0o644
        with tarfile.open(tmp_path / "odd.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
            archive.addfile(member)
        with pytest.raises(NotVerified, match="the archive is damaged"):
            verify_package(tmp_path / "odd.tar", ANYBODY)


def test_what_an_engine_reads_has_the_shape_that_is_published(packages: Mapping[str, bytes]) -> None:
    members = members_of(packages["signed"])
    contract = json.loads(members[CONTRACT])
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(contract)
    assert [(each["label"], each["name"]) for each in contract["classes"]] == [
        (1, "outer_border"),
        (2, "graphical_border"),
    ]
    assert {each["name"]: each["unit"] for each in contract["outputs"]}["boxes"] == "pixel"
    statement = json.loads(members[PROVENANCE])
    assert (statement["_type"], statement["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert {each["name"] for each in statement["subject"]} == {"contract.json", "model-card.md", "model.onnx"}
    bill = json.loads(members[BILL])
    listed = {each["name"]: each["version"] for each in bill["components"]}
    required = dict(line.split("==") for line in members["serving/requirements.txt"].decode().splitlines())
    assert listed == required
    assert {"onnxruntime", "numpy"} <= set(required)
