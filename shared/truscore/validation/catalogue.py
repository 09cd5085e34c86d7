"""Every rule there is, in one table."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from truscore.validation.rule import Rule
from truscore.validation.rules import (
    borders,
    boxes,
    card_geometry,
    class_balance,
    class_consistency,
    coverage,
    coverage_spread,
    image_damage,
    image_quality,
    label_errors,
    label_sets,
    leakage,
    masks,
    object_maps,
    order,
    photometric_lights,
    photometric_shading,
    photometric_views,
    polygons,
    reader,
    reflectance_maps,
    shortcuts,
)

CATALOGUE: tuple[Rule, ...] = (
    *order.RULES,
    *reader.RULES,
    *boxes.RULES,
    *polygons.RULES,
    *class_consistency.RULES,
    *borders.RULES,
    *class_balance.RULES,
    *coverage.RULES,
    *image_quality.RULES,
    *image_damage.RULES,
    *masks.RULES,
    *label_sets.RULES,
    *photometric_lights.RULES,
    *photometric_shading.RULES,
    *photometric_views.RULES,
    *object_maps.RULES,
    *reflectance_maps.RULES,
    *coverage_spread.RULES,
    *leakage.RULES,
    *card_geometry.RULES,
    *shortcuts.RULES,
    *label_errors.RULES,
)

BY_ID: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in CATALOGUE})

# Raised when a check changes what it finds, so that verdicts of older rules are not taken for today's.
REVISION = 7

CATALOGUE_DIGEST = hashlib.sha256(
    "".join(f"{rule.id} {rule.severity}\n" for rule in CATALOGUE).encode() + str(REVISION).encode()
).hexdigest()
