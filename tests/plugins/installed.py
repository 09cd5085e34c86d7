"""Packages put where Python finds them, with the metadata that an installer writes from their pyproject.toml."""

import importlib
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parent / "example_architecture"


def install(source: Path, site: Path) -> Path:
    """Install a source folder (pyproject.toml beside its package) into ``site``, which the caller puts on the path."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    package = project["name"].replace("-", "_")
    site.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    write_metadata(site, project["name"], project["version"], project["entry-points"])
    return site


def write_metadata(site: Path, name: str, version: str, points: Mapping[str, Mapping[str, str]]) -> None:
    """The dist-info folder: who it is, and its entry points by group."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in of.items()) for group, of in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    (info / "INSTALLER").write_text("tests\n")
    importlib.invalidate_caches()
