"""The networks of the catalog as data, one file per family. No torch."""

from collections.abc import Mapping
from types import MappingProxyType

from truscore.catalog.networks import detection, multilabel, ordinal, regression, segmentation
from truscore.catalog.networks.network import Network, RowBases

__all__ = ["BASES", "NETWORKS", "Network"]

_FAMILIES = (detection, segmentation, ordinal, regression, multilabel)

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {network.name: network for family in _FAMILIES for network in family.NETWORKS}
)
BASES: RowBases = MappingProxyType({row: bases for family in _FAMILIES for row, bases in family.BASES.items()})
