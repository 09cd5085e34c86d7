"""Bills of Python packages in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), as plain values for JSON. Pure."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SPEC: Final = "1.6"


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """`needs` are names of others in the bill."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def pinned(packages: Iterable[Package]) -> str:
    """Lines of a requirements file."""
    return "".join(f"{each.name}=={each.version}\n" for each in packages)


def bill(
    packages: tuple[Package, ...], *, ref: str, component: Mapping[str, str], roots: Iterable[str]
) -> dict[str, Any]:
    """What `component`, called `ref` in the bill, holds; it needs `roots`. The same for the same packages."""
    purls, identity = {each.name: each.purl for each in packages}, f"{ref}\n{pinned(packages)}"
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, identity)}",
        "version": 1,
        "metadata": {"component": {"bom-ref": ref, **component}},
        "components": [
            {
                "type": "library",
                "bom-ref": each.purl,
                "name": each.name,
                "version": each.version,
                "purl": each.purl,
                "licenses": [{"license": {"name": each.licence}}],
            }
            for each in packages
        ],
        "dependencies": [
            {"ref": ref, "dependsOn": [purls[name] for name in roots]},
            *({"ref": each.purl, "dependsOn": [purls[name] for name in each.needs]} for each in packages),
        ],
    }
