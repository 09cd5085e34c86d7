"""A compiled run is refused where torch.compile can't work, and nowhere else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.worker import compiling_child

KEY = "architecture_config.optimization_mode: 'default' is not accepted"
DEADLINE_S = 240.0
# A compiler on a machine without Python's headers: it drops the folder that has them.
WITHOUT_HEADERS = """#!/bin/sh
for argument in "$@"; do
  shift
  case $argument in -I*python*) ;; *) set -- "$@" "$argument" ;; esac
done
exec {compiler} "$@"
"""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the child says on this machine, on one without a compiler, and on one with a compiler alone."""
    wrapped = tmp_path_factory.mktemp("compilers")
    for name in ("g++", "gcc"):
        if compiler := shutil.which(name):
            (wrapped / name).write_text(WITHOUT_HEADERS.format(compiler=compiler))
            (wrapped / name).chmod(0o755)
    paths = {"own": os.environ["PATH"], "bare": "", "no headers": f"{wrapped}:{os.environ['PATH']}"}
    children = {name: started(path, tmp_path_factory.mktemp("cache")) for name, path in paths.items()}
    try:
        return {name: answer(child) for name, child in children.items()}
    finally:
        for child in children.values():
            child.kill()


def started(path: str, cache: Path) -> "subprocess.Popen[str]":
    kept: Mapping[str, str] = {name: os.environ[name] for name in os.environ if name not in ("CC", "CXX", "PATH")}
    environment = {**kept, "PATH": path, "TORCHINDUCTOR_CACHE_DIR": str(cache), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    command = [sys.executable, "-m", compiling_child.__name__]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def answer(child: "subprocess.Popen[str]") -> dict[str, Any]:
    out, _ = child.communicate(timeout=DEADLINE_S)
    output: dict[str, Any] = json.loads(out)
    return output


@pytest.mark.parametrize("machine", ["own", "bare", "no headers"])
def test_a_compiled_run_is_refused_exactly_where_torch_compile_fails(
    machines: dict[str, dict[str, Any]], machine: str
) -> None:
    assert machines[machine]["compiles"] is (machines[machine]["refusal"] == "")


def test_without_a_compiler_the_refusal_names_the_key_and_what_is_missing(machines: dict[str, dict[str, Any]]) -> None:
    assert KEY in machines["bare"]["refusal"]
    assert "there is no C++ compiler" in machines["bare"]["refusal"]
    assert "there is no C compiler" in machines["bare"]["for_a_gpu"]


@pytest.mark.skipif(not (shutil.which("g++") and shutil.which("gcc")), reason="no compiler to take the headers from")
def test_with_a_compiler_but_no_headers_of_python_the_refusal_names_the_header(
    machines: dict[str, dict[str, Any]],
) -> None:
    assert KEY in machines["no headers"]["refusal"]
    assert "Python.h" in machines["no headers"]["refusal"]
    assert "Python.h" in machines["no headers"]["for_a_gpu"]
