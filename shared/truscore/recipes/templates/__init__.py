"""The default recipes by the name of their template, which a row of the catalog has; a file per family of options."""

from collections.abc import Mapping
from types import MappingProxyType

from truscore.recipes.templates import (
    borders,
    damage_classes,
    damage_masks,
    defects,
    grades,
    multi_view,
    normals,
    reflectance,
    sharpness,
    surfaces,
)
from truscore.recipes.templates.template import Template

__all__ = ["TEMPLATES", "Template"]

TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        name: template
        for family in (
            borders,
            damage_masks,
            damage_classes,
            defects,
            grades,
            multi_view,
            normals,
            reflectance,
            sharpness,
            surfaces,
        )
        for name, template in family.TEMPLATES.items()
    }
)
