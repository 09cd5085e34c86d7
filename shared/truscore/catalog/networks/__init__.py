"""The networks of the catalog as data, one file per family. No torch."""

from collections.abc import Mapping
from types import MappingProxyType

from truscore.catalog.networks import (
    detection,
    multi_view,
    multilabel,
    normals,
    ordinal,
    reflectance,
    regression,
    segmentation,
    surfaces,
)
from truscore.catalog.networks.network import Network, PackagedFile, PublishedWeights

__all__ = ["NETWORKS", "Network", "PackagedFile", "PublishedWeights"]

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        network.name: network
        for family in (
            detection,
            segmentation,
            ordinal,
            regression,
            multilabel,
            normals,
            surfaces,
            multi_view,
            reflectance,
        )
        for network in family.NETWORKS
    }
)
