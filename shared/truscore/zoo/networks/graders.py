"""Networks that grade on an ordered scale."""

from truscore.zoo.networks.network import Network, RowBases

NETWORKS: tuple[Network, ...] = ()

BASES: RowBases = {}
