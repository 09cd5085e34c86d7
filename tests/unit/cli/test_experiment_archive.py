"""The archive of an experiment: the same bytes for the same files; what was changed or is hostile is refused."""

import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cli.archive.tar_file import MANIFEST, ArchiveRefused, Manifest, member_of, read_archive, write_archive

RUN = "run-0123456789abcdef0123"
FILES = {"events.jsonl": b"{}\n", "experiment.json": b"[]", "objects/bucket/runs/a/report/report.json": b"\x00" * 3000}


def archive(folder: Path, names: list[str] = list(FILES)) -> Path:  # noqa: B006
    paths = {name: folder / "source" / name for name in FILES}
    for name, content in FILES.items():
        paths[name].parent.mkdir(parents=True, exist_ok=True)
        paths[name].write_bytes(content)
    members = tuple(member_of(name, paths[name], uri="s3://bucket/a" if "objects" in name else "") for name in names)
    write_archive(folder / "run.tar", Manifest(run_id=RUN, contract="1.11.0", members=members), paths)
    return folder / "run.tar"


def test_what_is_written_is_read_again_and_its_bytes_depend_on_nothing_else(tmp_path: Path) -> None:
    first = archive(tmp_path).read_bytes()
    assert archive(tmp_path, list(reversed(FILES))).read_bytes() == first
    manifest = read_archive(tmp_path / "run.tar", tmp_path / "read")
    assert manifest.run_id == RUN
    read = {name: (tmp_path / "read" / name).read_bytes() for name in FILES}
    assert read == FILES


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_no_changed_byte_of_a_file_or_of_the_manifest_passes(tmp_path: Path, data: st.DataObject) -> None:
    path = archive(tmp_path)
    whole = bytearray(path.read_bytes())
    with tarfile.open(path) as there:
        spans = [range(each.offset_data, each.offset_data + each.size) for each in there.getmembers()]
    place = data.draw(st.sampled_from(data.draw(st.sampled_from(spans))))
    whole[place] ^= data.draw(st.integers(1, 255))
    changed = tmp_path / "changed.tar"
    changed.write_bytes(whole)
    try:
        manifest = read_archive(changed, None)
    except ArchiveRefused:
        return
    # What the manifest says of itself is held by the digest that the export printed, not by the manifest.
    assert {each.name: each.sha256 for each in manifest.members} == {
        each.name: each.sha256 for each in read_archive(path, None).members
    }


def hostile(change: Callable[[tarfile.TarFile], None], folder: Path) -> Path:
    """The archive with something more at its end."""
    source, target = archive(folder), folder / "hostile.tar"
    target.write_bytes(source.read_bytes())
    with tarfile.open(target, "a") as there:
        change(there)
    return target


def named(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "info",
    [
        named("../outside"),
        named("/etc/outside"),
        named("link", tarfile.SYMTYPE, "/etc/passwd"),
        named("hard", tarfile.LNKTYPE, "events.jsonl"),
        named("device", tarfile.CHRTYPE),
        named("pipe", tarfile.FIFOTYPE),
        named("folder", tarfile.DIRTYPE),
        named("events.jsonl"),
    ],
    ids=lambda info: f"{info.name} {info.type.decode()}",
)
def test_what_the_manifest_does_not_name_is_refused_and_nothing_lies_outside(
    info: tarfile.TarInfo, tmp_path: Path
) -> None:
    path = hostile(lambda there: there.addfile(info, BytesIO()), tmp_path)
    with pytest.raises(ArchiveRefused, match="not in the manifest, or there twice"):
        read_archive(path, tmp_path / "inner" / "read")
    assert not (tmp_path / "inner" / "outside").exists()
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    "name", ["../outside", "/outside", "a//b", "a/../b", ".hidden", "a\nb", "", MANIFEST, "a/" * 40 + "b"]
)
def test_a_manifest_that_names_such_a_file_is_refused(name: str, tmp_path: Path) -> None:
    member = {"name": name, "sha256": "0" * 64, "size_bytes": 0, "uri": ""}
    plain = {"format": 1, "run_id": RUN, "contract": "1", "members": [member], "left_out": []}
    content = json.dumps(plain).encode()
    with tarfile.open(tmp_path / "made.tar", "w") as there:
        info = named(MANIFEST)
        info.size = len(content)
        there.addfile(info, BytesIO(content))
    with pytest.raises(ArchiveRefused, match="is no file"):
        read_archive(tmp_path / "made.tar", tmp_path / "read")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00" * 10240, b"x" * 512])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ArchiveRefused):
        read_archive(tmp_path / "other", None)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path)
    with tarfile.open(path) as there:
        last = there.getmembers()[-1]
    cut = tmp_path / "cut.tar"
    cut.write_bytes(path.read_bytes()[: last.offset] + b"\x00" * 1024)
    with pytest.raises(ArchiveRefused, match=r"report\.json is missing"):
        read_archive(cut, None)
