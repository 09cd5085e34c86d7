"""Networks that see an object under many lights. What a pixel takes of memory is counted under 16 lights."""

from truscore.catalog.networks.configs import (
    SetNetworkConfig,
    SpatialSetNetworkConfig,
    UncalibratedSetNetworkConfig,
)
from truscore.catalog.networks.network import Network

_SPATIAL = "ours, on torch: set_network, with 3 x 3 convolutions over each view and over what is common to the lights"
_UNCALIBRATED = (
    "ours, on torch: convolutions on each view, pooled over lights, that say where its light stands and how bright it "
    "is, and the set network under these lights"
)

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
    Network(
        name="spatial_set_network",
        implementation=_SPATIAL,
        licence="BSD-3-Clause",
        parameters=223_251,
        image_size=40,
        activation_bytes_per_pixel=33_059,
        config=SpatialSetNetworkConfig(width=32, blocks=2, context=16),
    ),
    Network(
        name="spatial_set_network_wide",
        implementation=_SPATIAL,
        licence="BSD-3-Clause",
        parameters=2_012_307,
        image_size=64,
        activation_bytes_per_pixel=112_034,
        config=SpatialSetNetworkConfig(width=96, blocks=3, context=48),
    ),
    Network(
        name="uncalibrated_set_network",
        implementation=_UNCALIBRATED,
        licence="BSD-3-Clause",
        parameters=131_876,
        image_size=32,
        activation_bytes_per_pixel=23_695,
        config=UncalibratedSetNetworkConfig(width=32, blocks=2, lights=16),
    ),
    Network(
        name="uncalibrated_set_network_wide",
        implementation=_UNCALIBRATED,
        licence="BSD-3-Clause",
        parameters=1_171_140,
        image_size=96,
        activation_bytes_per_pixel=80_836,
        config=UncalibratedSetNetworkConfig(width=96, blocks=3, lights=48),
    ),
)
