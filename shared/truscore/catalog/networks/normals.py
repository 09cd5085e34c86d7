"""Networks that see an object under many lights. What a pixel takes of memory is counted under 16 lights."""

from truscore.catalog.networks.configs import SetNetworkConfig
from truscore.catalog.networks.network import Network

NETWORKS: tuple[Network, ...] = (
    Network(
        name="set_network",
        implementation="ours, on torch: a network on each light of a pixel, pooled over lights and object, that weighs "
        "a closed-form solve",
        licence="BSD-3-Clause",
        parameters=12_035,
        image_size=32,
        activation_bytes_per_pixel=21_410,
        config=SetNetworkConfig(width=32, blocks=2),
    ),
    Network(
        name="set_network_wide",
        implementation="ours, on torch: a network on each light of a pixel, pooled over lights and object, that weighs "
        "a closed-form solve",
        licence="BSD-3-Clause",
        parameters=149_859,
        image_size=64,
        activation_bytes_per_pixel=80_162,
        config=SetNetworkConfig(width=96, blocks=3),
    ),
)
