"""Networks that see one thing from several cameras. What a pixel takes of memory is counted with five views."""

from truscore.catalog.networks.configs import MultiViewNetworkConfig
from truscore.catalog.networks.network import Network

_IMPLEMENTATION = (
    "ours, on torch: albedo and normals of each view in closed form, a plane sweep of two stages, the variance of what "
    "views show, 3D convolutions and soft-argmin"
)

NETWORKS: tuple[Network, ...] = (
    Network(
        name="multi_view_network",
        implementation=_IMPLEMENTATION,
        licence="BSD-3-Clause",
        parameters=5_716,
        image_size=48,
        activation_bytes_per_pixel=56_349,
        config=MultiViewNetworkConfig(width=8, volume=8),
    ),
    Network(
        name="multi_view_network_wide",
        implementation=_IMPLEMENTATION,
        licence="BSD-3-Clause",
        parameters=45_940,
        image_size=96,
        activation_bytes_per_pixel=103_261,
        config=MultiViewNetworkConfig(width=24, volume=24),
    ),
)
