"""`truscore verify`, as it is typed."""

import json
from pathlib import Path

import pytest
from test_watching import run
from truscore.storage import MemoryStore

from tests.unit.releases import kept

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    store = MemoryStore()
    release = kept.keep(store, "truscore", tmp_path / "made", key=kept.PRIVATE)
    store.get_file(kept.place("truscore", release).uri + "/package.tar", tmp_path / "package.tar")
    (tmp_path / "key.pub").write_bytes(
        store.get(f"s3://truscore/models/keys/{release.signing_key_id}.pub", limit_bytes=99)
    )
    return tmp_path / "package.tar"


def test_a_sound_package_is_listed_and_its_published_key_is_taken_from_a_file(package: Path, capsys: Captured) -> None:
    assert run("verify", str(package), "--key", str(package.with_name("key.pub")), "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["trusted"]
    assert "model.onnx" in shown["files"]
    assert run("verify", str(package)) == 0
    assert "no key is trusted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "code", "named"),
    [(kept.OTHER_PUBLIC, 8, "trusted keys"), ("not a key", 2, "--key: an Ed25519 public key has 64")],
)
def test_another_key_or_none_at_all_is_refused(
    key: str, code: int, named: str, package: Path, capsys: Captured
) -> None:
    assert run("verify", str(package), "--key", key) == code
    assert named in capsys.readouterr().err


def test_a_changed_package_is_refused_with_the_exit_code_of_what_is_not_verified(
    package: Path, capsys: Captured
) -> None:
    content = bytearray(package.read_bytes())
    content[content.index(kept.MODEL) + 3] ^= 1
    package.write_bytes(content)
    assert run("verify", str(package)) == 8
    assert "model.onnx has SHA-256" in capsys.readouterr().err
    assert run("verify", str(package.with_name("nowhere.tar"))) == 4
