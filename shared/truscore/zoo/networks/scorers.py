"""Networks that score an image, or name the damages on it."""

from truscore.zoo.networks.network import Network, RowBases

NETWORKS: tuple[Network, ...] = ()

BASES: RowBases = {}
