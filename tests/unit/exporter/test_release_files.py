"""What is written beside a model: manifest, card, package."""

import hashlib
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.releases import InvalidManifest
from truscore.releases.archive import UnsafeName, check_name, write_archive

from services.exporter.manifest import release_from_json, release_to_json
from services.exporter.model_card import model_card
from services.exporter.release import Release

MakeRelease = Callable[..., Release]


def test_a_manifest_gives_back_the_release_it_was_written_from(release_with: MakeRelease) -> None:
    release = release_with(package_sha256="f" * 64)
    assert release_from_json(release_to_json(release)) == release


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(repr).map(str.encode))
@settings(max_examples=50)
def test_bytes_that_are_no_manifest_are_named_as_such(data: bytes) -> None:
    with pytest.raises(InvalidManifest):
        release_from_json(data)


def test_a_manifest_of_another_schema_is_refused_by_its_name(release_with: MakeRelease) -> None:
    other = release_to_json(release_with()).replace(b"truscore.release/1", b"truscore.release/9")
    with pytest.raises(InvalidManifest, match="release/9"):
        release_from_json(other)


def test_a_model_card_says_where_the_model_is_from_how_good_and_how_near_it_is(release_with: MakeRelease) -> None:
    card = model_card(release_with())
    for stated in (
        "cards, version 1",
        "run-1",
        "0.9700",
        "outer_border, graphical_border",
        "100.0%",
        "20.0 ms",
        "stone",
    ):
        assert stated in card


def test_a_model_card_says_what_moved_where_no_difference_is_bounded_alone(release_with: MakeRelease) -> None:
    """As of detectors in INT8, which are held by their metrics."""
    release = release_with()
    (artifact,) = release.artifacts
    unbounded = replace(artifact, parity=replace(artifact.parity, max_abs_difference={"boxes": 1.25}, tolerance={}))
    assert "| boxes | 1.25 | not bounded alone |" in model_card(replace(release, artifacts=(unbounded,)))


def test_a_model_card_keeps_its_tables_whole_whatever_a_message_holds(release_with: MakeRelease) -> None:
    release = release_with()
    odd = replace(release.refusals[0], message="a | b\nc")
    assert "| stone | unsupported_format | a \\| b c |\n" in model_card(replace(release, refusals=(odd,)))


def test_the_same_files_make_the_same_package_whenever_and_in_whatever_order(tmp_path: Path) -> None:
    first, second = tmp_path / "b.bin", tmp_path / "a.bin"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    write_archive(tmp_path / "1.tar", {"x/b": first, "a": second})
    os.utime(first, (1, 1))
    first.chmod(0o600)
    write_archive(tmp_path / "2.tar", {"a": second, "x/b": first})
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("1.tar", "2.tar")}
    assert len(digests) == 1
    with tarfile.open(tmp_path / "1.tar") as archive:
        assert [(member.name, member.mtime, member.uid) for member in archive] == [("a", 0, 0), ("x/b", 0, 0)]


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../up", "a/../../b", "a//b", "", ".", "a\\b", "a\nb", "x" * 101, "\u00e9"]
)
def test_a_name_that_may_leave_the_folder_is_not_packed(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeName, match="accepted"):
        check_name(name)
