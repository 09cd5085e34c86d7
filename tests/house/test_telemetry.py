"""Nothing of ours reports to the makers of the libraries that it uses."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# The first switches telemetry off before it imports; the second imports the first; the others are strangers' programs,
# and do so themselves.
ALLOWED = {
    "shared/truscore/inference/runtime.py",
    "services/exporter/child/formats/quantized/quantization.py",
    "services/exporter/engine/__main__.py",
    "services/exporter/packaging/serving/server.py",
    "tests/e2e/plain_engine.py",
}


def importers(package: str) -> set[str]:
    found = set()
    for folder in ("shared", "services", "deploy", "tests", "docs"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.partition(".")[0] == package for name in names):
                    found.add(path.relative_to(REPOSITORY).as_posix())
    return found


def test_onnxruntime_is_imported_only_where_its_telemetry_is_switched_off_first() -> None:
    assert importers("onnxruntime") == ALLOWED


PROGRAMS = sorted(path.removeprefix("shared/").removesuffix(".py").replace("/", ".") for path in ALLOWED)


@pytest.mark.parametrize("program", PROGRAMS)
def test_importing_onnxruntime_writes_nothing_into_the_home_folder(program: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run(
        # Its events are written by a thread of its own: at the end of the process at the latest.
        [sys.executable, "-c", f"import {program}"],
        cwd=REPOSITORY, env=environment | {"HOME": str(tmp_path)}, check=True, timeout=120,
    )  # fmt: skip
    assert list(tmp_path.rglob("*")) == []
