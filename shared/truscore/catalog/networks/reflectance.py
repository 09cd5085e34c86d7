"""Networks that say what the surface of an object does to light. What a pixel takes of memory is counted under 16
lights."""

from truscore.catalog.networks.configs import BrdfNetworkConfig, ReflectanceNetworkConfig
from truscore.catalog.networks.network import Network

NETWORKS: tuple[Network, ...] = (
    Network(
        name="reflectance_network",
        implementation="ours, on torch: set_network, and a network on what its normals leave unexplained, pooled over "
        "lights and materials, before a closed-form solve",
        licence="BSD-3-Clause",
        parameters=34_994,
        image_size=32,
        activation_bytes_per_pixel=47_927,
        config=ReflectanceNetworkConfig(width=32, blocks=2, materials=8),
    ),
    Network(
        name="reflectance_network_wide",
        implementation="ours, on torch: set_network, and a network on what its normals leave unexplained, pooled over "
        "lights and materials, before a closed-form solve",
        licence="BSD-3-Clause",
        parameters=395_450,
        image_size=64,
        activation_bytes_per_pixel=167_288,
        config=ReflectanceNetworkConfig(width=96, blocks=3, materials=16),
    ),
    Network(
        name="brdf_network",
        implementation="ours, on torch: reflectance_network, from whose maps a GGX fit of each pixel is unrolled",
        licence="BSD-3-Clause",
        parameters=35_068,
        image_size=32,
        activation_bytes_per_pixel=66_739,
        config=BrdfNetworkConfig(width=32, blocks=2, materials=8, steps=5),
    ),
    Network(
        name="brdf_network_wide",
        implementation="ours, on torch: reflectance_network, from whose maps a GGX fit of each pixel is unrolled",
        licence="BSD-3-Clause",
        parameters=395_655,
        image_size=64,
        activation_bytes_per_pixel=195_364,
        config=BrdfNetworkConfig(width=96, blocks=3, materials=16, steps=8),
    ),
)
