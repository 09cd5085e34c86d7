"""The studio's JavaScript has the types that it states, and no module is left out of it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.supply_chain.licences import permits, policy_in
from tests.house.javascript import REPOSITORY, STUDIO, CannotCheck, check, compiler, modules

# What would have the compiler look away.
WAYS_OUT = re.compile(r"@ts-(?:ignore|nocheck|expect-error)|\{\s*(?:any|\*)\s*\}|<any>|\bas any\b|: any\b")


@pytest.fixture(scope="module")
def tsc() -> Path:
    try:
        return compiler()
    except CannotCheck as error:
        pytest.skip(str(error))


def test_every_module_has_the_types_that_it_states(tsc: Path) -> None:
    fine, said = check(tsc)
    assert fine, said


def test_no_module_that_browsers_are_served_is_left_out(tsc: Path) -> None:
    _, said = check(tsc, STUDIO, "--listFilesOnly")
    looked_at = {Path(line).resolve() for line in said.splitlines()}
    assert modules()
    assert [path.name for path in modules() if path not in looked_at] == []


def test_a_number_where_a_shape_belongs_is_found(tsc: Path, tmp_path: Path) -> None:
    for name in ("web", "types"):
        shutil.copytree(STUDIO / name, tmp_path / name)
    shutil.copy(STUDIO / "tsconfig.json", tmp_path)
    with (tmp_path / "web" / "model" / "geometry.js").open("a") as module:
        module.write("\nexport const planted = area(3);\n")
    fine, said = check(tsc, tmp_path)
    assert not fine
    assert re.search(r"web/model/geometry\.js\(\d+,\d+\): error TS2345", said)
    assert len(said.splitlines()) == 1


def test_without_node_it_is_said_that_nothing_was_checked(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.house.javascript"]
    done = subprocess.run(
        argv, cwd=REPOSITORY, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "javascript: not checked, there is no node here\n"


def test_no_comment_has_the_compiler_look_away() -> None:
    written = [*modules(), *sorted((STUDIO / "types").glob("*.d.ts"))]
    assert [path.name for path in written if WAYS_OUT.search(path.read_text())] == []


def test_the_lock_names_no_host_and_proves_every_package_by_hash() -> None:
    text = (STUDIO / "package-lock.json").read_text()
    packages = {name: each for name, each in json.loads(text)["packages"].items() if name}
    assert packages
    assert "://" not in text
    assert [name for name, each in packages.items() if not each["integrity"].startswith("sha512-")] == []


def test_the_lock_is_of_the_exact_versions_that_are_asked_for() -> None:
    asked = json.loads((STUDIO / "package.json").read_text())["devDependencies"]
    packages = json.loads((STUDIO / "package-lock.json").read_text())["packages"]
    assert packages[""]["devDependencies"] == asked
    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked


def test_the_compiler_s_packages_have_licences_of_the_list() -> None:
    packages = json.loads((STUDIO / "package-lock.json").read_text())["packages"]
    allowed = policy_in().allowed
    assert [name for name, each in packages.items() if name and not permits(each["license"], allowed)] == []
