"""Which source runs, told from real repositories."""

import hashlib
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from truscore.process.code_version import CodeVersion, code_version, environment, environment_digest

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@example.org")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for arguments in (("init", "-q"), ("add", "."), (*AUTHOR, "commit", "-q", "-m", "first")):
        (tmp_path / "code.py").write_text("x = 1\n")
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    return tmp_path


def test_a_repository_has_a_commit_and_is_dirty_once_a_file_of_it_differs(repository: Path) -> None:
    clean = code_version(repository)
    head = subprocess.run(["git", "-C", repository, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert (clean.git_commit, clean.git_dirty) == (head.stdout.strip(), False)
    (repository / "notes").write_text("nothing that is run")
    assert code_version(repository) == clean
    (repository / "code.py").write_text("x = 2\n")
    assert code_version(repository).git_dirty


def test_what_is_stated_goes_before_the_repository(repository: Path) -> None:
    (repository / "code.py").write_text("x = 2\n")
    assert code_version(repository, stated="abc").git_commit == "abc"
    assert not code_version(repository, stated="abc").git_dirty
    assert code_version(repository, stated="abc-dirty").git_commit == "abc"
    assert code_version(repository, stated="abc-dirty").git_dirty


def test_without_a_repository_nothing_is_known_of_the_source(tmp_path: Path) -> None:
    found = code_version(tmp_path)
    assert found == CodeVersion(environment_digest=found.environment_digest)


def test_the_environment_names_every_package_and_its_digest_is_of_these_lines() -> None:
    lines = environment()
    assert f"aio-pika=={version('aio-pika')}" in lines
    assert lines[0].startswith("Python 3.")
    assert list(lines[2:]) == sorted(set(lines[2:]))
    assert environment_digest(lines) == hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()
    assert environment_digest((*lines, "one-more==1")) != environment_digest(lines)
