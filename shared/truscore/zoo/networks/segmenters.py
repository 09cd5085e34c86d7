"""Networks that find what each pixel shows."""

from truscore.zoo.networks.network import Network, RowBases

NETWORKS: tuple[Network, ...] = ()

BASES: RowBases = {}
