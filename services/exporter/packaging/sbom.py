"""What the serving folder runs on, pinned: its requirements, and a CycloneDX bill of them.

The versions are those that the files were proved with, which are installed here.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

ROOTS = ("onnxruntime",)
SPEC = "1.6"


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """A distribution that is installed. `needs` are names of others in the list."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]


def requirements() -> tuple[Requirement, ...]:
    """The runtime and all that it needs, by name."""
    found: dict[str, Requirement] = {}
    left = list(ROOTS)
    while left:
        if (name := left.pop()) not in found:
            found[name] = _requirement(name)
            left += found[name].needs
    return tuple(found[name] for name in sorted(found))


def requirements_txt(wanted: tuple[Requirement, ...]) -> str:
    return "".join(f"{each.name}=={each.version}\n" for each in wanted)


def bill(wanted: tuple[Requirement, ...], *, name: str, version: str) -> dict[str, Any]:
    """CycloneDX 1.6 as plain values for JSON; the same for the same requirements."""
    root = f"{name}@{version}"
    serial = uuid.uuid5(uuid.NAMESPACE_URL, root + "\n" + requirements_txt(wanted))
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": root, "name": name, "version": version}},
        "components": [
            {
                "type": "library",
                "bom-ref": _purl(each),
                "name": each.name,
                "version": each.version,
                "purl": _purl(each),
                "licenses": [{"license": {"name": each.licence}}],
            }
            for each in wanted
        ],
        "dependencies": list(_dependencies(wanted, root)),
    }


def _dependencies(wanted: tuple[Requirement, ...], root: str) -> Iterator[dict[str, Any]]:
    purls = {each.name: _purl(each) for each in wanted}
    yield {"ref": root, "dependsOn": [purls[name] for name in ROOTS]}
    for each in wanted:
        yield {"ref": purls[each.name], "dependsOn": [purls[name] for name in each.needs]}


def _purl(requirement: Requirement) -> str:
    return f"pkg:pypi/{requirement.name}@{requirement.version}"


def _requirement(name: str) -> Requirement:
    from packaging.requirements import Requirement as Specifier
    from packaging.utils import canonicalize_name

    installed = metadata.distribution(name)
    needs = [Specifier(text) for text in installed.requires or ()]
    wanted = {
        canonicalize_name(need.name) for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})
    }
    about = installed.metadata.json
    licence = about.get("license_expression") or about.get("license") or "not stated"
    return Requirement(
        name=canonicalize_name(name),
        version=installed.version,
        licence=str(licence).splitlines()[0],
        needs=tuple(sorted(wanted)),
    )
