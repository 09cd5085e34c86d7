"""What each image of ours holds of Python packages: CycloneDX bills, and how large they are.

`python -m deploy.supply_chain.images --to FOLDER` writes `FOLDER/<image>.cdx.json` for each target of the Dockerfile;
`--measure IMAGE …` makes the virtual environment of an image as the Dockerfile does, and prints its size. Versions are
those of the lock. What Debian and Python bring is not in these bills: `docker buildx build --sbom=true` lists it.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from truscore.releases import cyclonedx
from truscore.releases.cyclonedx import Package

from deploy.supply_chain.licences import OURSELVES, RECORD, locked_versions, recorded

REPOSITORY: Final = Path(__file__).parents[2]
DOCKERFILE: Final = REPOSITORY / "deploy" / "docker" / "Dockerfile"
LOCK: Final = REPOSITORY / "requirements.lock"
MEASURE_TIMEOUT_S: Final = 900
#: Of the images, whatever runs here.
PYTHON: Final = {"python_version": "3.12", "python_full_version": "3.12.0"}
_STAGE = re.compile(r"^FROM (?P<base>\S+) AS (?P<name>\S+)$(?P<body>.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """What an image installs beside what all have."""

    extras: tuple[str, ...]
    has_bytecode: bool


def images(dockerfile: str) -> dict[str, Installed]:
    """By target, of those with sources of ours: MLflow's image holds MLflow."""
    stages = {found["name"]: found["body"] for found in _STAGE.finditer(dockerfile)}
    found = {}
    for name, body in stages.items():
        copied = re.search(r"COPY --from=(dependencies-\S+)", body)
        if copied and "COPY --from=sources" in body:
            stage = stages[copied[1]]
            extras = tuple(re.findall(r"--extra (\S+)", stage))
            found[name] = Installed(extras=extras, has_bytecode="UV_COMPILE_BYTECODE=1" in stage)
    return found


def packages(extras: tuple[str, ...], *, lock: str, licences: Mapping[str, str]) -> tuple[Package, ...]:
    """All that an image with these extras installs on Linux, by name. KeyError where the lock lacks one."""
    versions = locked_versions(lock)
    needs: dict[str, frozenset[str]] = {}
    left = {(OURSELVES, extra) for extra in ("", *extras)}
    seen = set(left)
    while left:
        name, extra = left.pop()
        found = frozenset(_needed(name, extra))
        needs[name] = needs.get(name, frozenset()) | {each for each, _ in found} - {name}
        left |= found - seen
        seen |= found
    del needs[OURSELVES]
    return tuple(
        Package(name=name, version=versions[name], licence=licences[name], needs=tuple(sorted(of)))
        for name, of in sorted(needs.items())
    )


def bill(image: str, held: tuple[Package, ...]) -> dict[str, Any]:
    """CycloneDX, as plain values for JSON."""
    component = {"type": "container", "name": f"truscore/{image}"}
    return cyclonedx.bill(held, ref=image, component=component, roots=[each.name for each in held])


def _needed(name: str, extra: str) -> Iterator[tuple[str, str]]:
    """Name and extra of what a package needs with this extra; "" for none."""
    for line in metadata.requires(name) or ():
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra, **PYTHON}):
            for each in ("", *wanted.extras):
                yield canonicalize_name(wanted.name), each


def measure(image: str, installed: Installed) -> int:
    """Bytes of the virtual environment of an image, made as the Dockerfile does; needs uv and a package index."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / image
        uv = [sys.executable, "-m", "uv"]
        wanted = [each for extra in installed.extras for each in ("--extra", extra)]
        bytecode = "--compile-bytecode" if installed.has_bytecode else "--no-compile-bytecode"
        place = ["--python", str(environment), bytecode, "--link-mode", "copy"]
        of_ours = ["--constraints", str(LOCK), "-r", str(REPOSITORY / "pyproject.toml"), *wanted]
        for command in ([*uv, "venv", "--quiet", str(environment)], [*uv, "pip", "install", "-q", *place, *of_ours]):
            subprocess.run(command, check=True, timeout=MEASURE_TIMEOUT_S, cwd=REPOSITORY)
        return sum(path.lstat().st_size for path in environment.rglob("*") if not path.is_dir())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.supply_chain.images", description=__doc__)
    parser.add_argument("--to", type=Path, help="folder that the bills are written to")
    parser.add_argument("--measure", nargs="*", default=(), metavar="IMAGE", help="images whose packages are measured")
    given = parser.parse_args()
    known, lock, licences = images(DOCKERFILE.read_text()), LOCK.read_text(), recorded(RECORD.read_text())
    for name in given.measure:
        if name not in known:
            parser.error(f"image {name!r}; accepted: {', '.join(known)}")
    for name, installed in known.items():
        held = packages(installed.extras, lock=lock, licences=licences)
        size = f", {measure(name, installed) / 1e6:,.0f} MB" if name in given.measure else ""
        sys.stdout.write(f"{name}: {len(held)} packages{size}\n")
        if given.to:
            given.to.mkdir(parents=True, exist_ok=True)
            (given.to / f"{name}.cdx.json").write_text(json.dumps(bill(name, held), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
