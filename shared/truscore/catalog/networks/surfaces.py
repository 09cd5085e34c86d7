"""Networks that make a surface of an object's views. What a pixel takes of memory is counted under 16 lights."""

from truscore.catalog.networks.configs import SurfaceNetworkConfig
from truscore.catalog.networks.network import Network

_IMPLEMENTATION = (
    "ours, on torch: the set network's normals, edge weights and slopes by dilated convolutions, and a Poisson "
    "equation solved in closed form"
)
_REFITTED = f"{_IMPLEMENTATION}, under lights that are refitted to the surface"

NETWORKS: tuple[Network, ...] = (
    Network(
        name="surface_network",
        implementation=_IMPLEMENTATION,
        licence="BSD-3-Clause",
        parameters=28_344,
        image_size=48,
        activation_bytes_per_pixel=23_306,
        config=SurfaceNetworkConfig(width=32, blocks=2, context=16),
    ),
    Network(
        name="surface_network_wide",
        implementation=_IMPLEMENTATION,
        licence="BSD-3-Clause",
        parameters=294_008,
        image_size=96,
        activation_bytes_per_pixel=85_132,
        config=SurfaceNetworkConfig(width=96, blocks=3, context=48),
    ),
    Network(
        name="light_refit_surface_network",
        implementation=_REFITTED,
        licence="BSD-3-Clause",
        parameters=28_393,
        image_size=40,
        activation_bytes_per_pixel=47_975,
        config=SurfaceNetworkConfig(width=32, blocks=2, context=16, refits_lights=True),
    ),
    Network(
        name="light_refit_surface_network_wide",
        implementation=_REFITTED,
        licence="BSD-3-Clause",
        parameters=294_057,
        image_size=96,
        activation_bytes_per_pixel=109_798,
        config=SurfaceNetworkConfig(width=96, blocks=3, context=48, refits_lights=True),
    ),
)
