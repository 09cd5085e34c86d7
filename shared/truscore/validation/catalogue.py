"""Every rule there is, in one table."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from truscore.validation import (
    agreement,
    as_read,
    balance,
    borders,
    boxes,
    cards,
    coverage,
    coverage_spread,
    crowds,
    label_errors,
    label_sets,
    leakage,
    lights,
    object_maps,
    order_rules,
    outlines,
    quality,
    quality_damage,
    shortcuts,
)
from truscore.validation.findings import Rule

CATALOGUE: tuple[Rule, ...] = (
    *order_rules.RULES,
    *as_read.RULES,
    *boxes.RULES,
    *outlines.RULES,
    *agreement.RULES,
    *borders.RULES,
    *balance.RULES,
    *coverage.RULES,
    *quality.RULES,
    *quality_damage.RULES,
    *crowds.RULES,
    *label_sets.RULES,
    *lights.RULES,
    *object_maps.RULES,
    *coverage_spread.RULES,
    *leakage.RULES,
    *cards.RULES,
    *shortcuts.RULES,
    *label_errors.RULES,
)

BY_ID: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in CATALOGUE})

# Raised when a check changes what it finds, so that verdicts of older rules are not taken for today's.
REVISION = 5

CATALOGUE_DIGEST = hashlib.sha256(
    "".join(f"{rule.id} {rule.severity}\n" for rule in CATALOGUE).encode() + str(REVISION).encode()
).hexdigest()
