"""Secrets in files: found with their place, and never repeated in what is said."""

import subprocess
from pathlib import Path

import pytest

from deploy.supply_chain.secrets import files_of, secrets_in

# In halves, so that no scanner takes this file for a leak.
LEAKS = {
    "aws.py": ("AWS Access Key", "key = 'AK" + "IAIOSFODNN7EXAMPLE'\n"),
    "key.pem": ("Private Key", "-----BEGIN RSA PRI" + "VATE KEY-----\n"),
    "readme.md": ("Basic Auth Credentials", "amqps://trainer:h" + "unter22@broker/\n"),
    "values.yaml": ("Secret Keyword", "a: 1\ndb_pass" + "word: 'h" + "unter22horse'\n"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_secret_is_found_with_its_place_and_not_repeated(tmp_path: Path, name: str) -> None:
    kind, text = LEAKS[name]
    path = tmp_path / name
    path.write_text(text)
    assert list(secrets_in([path], {})) == [f"{path}:{len(text.splitlines())}: {kind}"]


def test_a_placeholder_is_none_and_what_only_begins_like_one_is(tmp_path: Path) -> None:
    path = tmp_path / "readme.md"
    path.write_text("amqp://guest:guest@broker\namqp://guest:guest" + "42@broker\n")
    assert list(secrets_in([path], {"guest": "a fresh node's user"})) == [f"{path}:2: Basic Auth Credentials"]


def test_files_are_those_that_git_has_or_would_add(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=60)
    for name in ("kept.txt", "ignored.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / ".gitignore").write_text("ignored.txt\n")
    assert sorted(path.name for path in files_of(tmp_path)) == [".gitignore", "kept.txt"]
