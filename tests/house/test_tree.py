"""What is committed: generated code as the contract gives it, and nothing that ties the tree to one place."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# Written in two halves, so that this file passes its own test.
REGISTRY_HOSTS = [
    "py" + r"pi\.org",
    "pythonhosted" + r"\.org",
    "registry\\.npm" + r"js\.org",
    "deb\\.deb" + r"ian\.org",
    "ubuntu" + r"\.com/ubuntu",
    "proxy\\.gol" + r"ang\.org",
    "index-" + r"url\s*[=:]",
    "--find-" + "links ",
]


def tracked() -> list[Path]:
    """Files of the work tree that git knows; without git (an unpacked archive) there is nothing to look at."""
    argv = ["git", "ls-files", "-z", "--cached"]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        pytest.skip(f"no git work tree: {done.stderr.strip()}")
    return [path for name in done.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_bytes().decode(errors="ignore")


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_the_host_of_a_package_registry(host: str) -> None:
    pattern = re.compile(host)
    assert [str(path) for path in tracked() if pattern.search(text_of(path))] == []


def test_the_lock_proves_every_package_by_hash() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    packages = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(packages) > 50
    assert [package.split("==")[0] for package in packages if "--hash=sha256:" not in package] == []


@pytest.mark.parametrize("room", ["events", "api"])
def test_the_generated_code_is_what_the_contract_gives(room: str, tmp_path: Path) -> None:
    def protoc(*arguments: str) -> None:
        argv = [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", *arguments]
        # protoc looks for its plugins on PATH; ours lie beside this Python.
        plugins = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        subprocess.run(argv, cwd=REPOSITORY, check=True, timeout=120, env=dict(os.environ) | plugins)

    contract = REPOSITORY / "proto"
    protos = sorted(str(path.relative_to(contract)) for path in (contract / "truscore" / room).rglob("*.proto"))
    protoc(f"--python_out={tmp_path}", f"--mypy_out={tmp_path}", *protos)
    if room == "api":
        protoc(f"--grpc_python_out={tmp_path}", f"--mypy_grpc_out={tmp_path}", *protos)
    fresh = {path.name: path.read_text() for path in (tmp_path / "truscore" / room / "v1").iterdir()}
    folder = REPOSITORY / "shared" / "truscore" / room / "v1"
    committed = {path.name: path.read_text() for path in folder.iterdir() if "_pb2" in path.name and path.is_file()}
    assert sorted(committed) == sorted(fresh)
    assert [name for name in fresh if committed[name] != fresh[name]] == []


def test_no_two_test_modules_have_one_name() -> None:
    """Where a folder is no package, pytest imports its modules by their bare names."""
    names = [path.name for path in tracked() if path.match("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_no_leftover_of_a_merge_or_an_editor_is_committed() -> None:
    leftovers = {".orig", ".rej", ".bak", ".swp"}
    assert [str(path) for path in tracked() if path.suffix in leftovers or path.name.endswith("~")] == []


def test_unit_tests_lie_in_folders_named_like_the_rooms_that_they_test() -> None:
    units = REPOSITORY / "tests" / "unit"
    folders = {path.relative_to(units).parts[0] for path in tracked() if units in path.parents and path.parent != units}
    rooms = {
        room.name for above in ("shared/truscore", "services", "deploy") for room in (REPOSITORY / above).iterdir()
    }
    assert sorted(folders - rooms) == []


def test_no_test_is_made_of_a_measurement() -> None:
    """What both need lies in tests/measuring: a measurement may be changed without a look at tests."""
    tests, bench = REPOSITORY / "tests", REPOSITORY / "tests" / "bench"
    name = re.compile(r"\btests\.ben" + r"ch\b")  # in two halves, so that this file passes its own test
    others = [path for path in tracked() if tests in path.parents and bench not in path.parents]
    assert [str(path) for path in others if name.search(text_of(path))] == []
