"""What the serving folder runs on, pinned: its requirements, and a CycloneDX bill of them.

The versions are those that the files were proved with, which are installed here.
"""

from importlib import metadata
from typing import Any

from truscore.releases import cyclonedx
from truscore.releases.cyclonedx import Package

ROOTS = ("onnxruntime",)


def requirements() -> tuple[Package, ...]:
    """The runtime and all that it needs, by name."""
    found: dict[str, Package] = {}
    left = list(ROOTS)
    while left:
        if (name := left.pop()) not in found:
            found[name] = _requirement(name)
            left += found[name].needs
    return tuple(found[name] for name in sorted(found))


def bill(wanted: tuple[Package, ...], *, name: str, version: str) -> dict[str, Any]:
    """Of a model's serving folder."""
    component = {"type": "application", "name": name, "version": version}
    return cyclonedx.bill(wanted, ref=f"{name}@{version}", component=component, roots=ROOTS)


def _requirement(name: str) -> Package:
    from packaging.requirements import Requirement as Specifier
    from packaging.utils import canonicalize_name

    installed = metadata.distribution(name)
    needs = [Specifier(text) for text in installed.requires or ()]
    wanted = {
        canonicalize_name(need.name) for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})
    }
    about = installed.metadata.json
    licence = about.get("license_expression") or about.get("license") or "not stated"
    return Package(
        name=canonicalize_name(name),
        version=installed.version,
        licence=str(licence).splitlines()[0],
        needs=tuple(sorted(wanted)),
    )
