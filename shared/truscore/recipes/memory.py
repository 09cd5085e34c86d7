"""How much memory training takes, estimated without building anything.

    bytes = 16 · parameters + images · pixels · a

16 bytes a weight: itself, its gradient and AdamW's two moments, in float32 (half precision casts on the fly and keeps
these). ``a`` is what one pixel of the network's input keeps for the gradient: measured for every network by
``python -m tests.bench.activation_memory``, in float32, so that half precision leaves room to spare.
"""

from truscore.catalog import network_of
from truscore.catalog.networks import NETWORKS
from truscore.catalog.networks.configs import (
    BrdfNetworkConfig,
    MultiViewNetworkConfig,
    ReflectanceNetworkConfig,
    SetNetworkConfig,
    SpatialSetNetworkConfig,
    SurfaceNetworkConfig,
    UncalibratedSetNetworkConfig,
)

_OF_VIEWS = (
    SetNetworkConfig,
    SpatialSetNetworkConfig,
    UncalibratedSetNetworkConfig,
    SurfaceNetworkConfig,
    MultiViewNetworkConfig,
    ReflectanceNetworkConfig,
    BrdfNetworkConfig,
)
BYTES_PER_WEIGHT = 16
# Recomputing keeps the inputs of the stages and one stage's inside (Chen et al. 2016); heads and pyramid keep theirs.
RECOMPUTED_SHARE = 0.5
# Of what is free: the rest is the driver's, the allocator's, and the images waiting.
GPU_SHARE = 0.8
CPU_SHARE = 0.5

# A network that nobody measured counts as the hungriest that was, of those that see one picture and not many.
_UNMEASURED = max(
    network.activation_bytes_per_pixel or 0
    for network in NETWORKS.values()
    if not isinstance(network.config, _OF_VIEWS)
)


def weights_bytes(base: str) -> int:
    """Of a network's weights while it is trained, with their gradients and moments."""
    return BYTES_PER_WEIGHT * network_of(base).parameters


def image_bytes(base: str, image_size: int, *, recomputed: bool = False) -> int:
    """Of one image of ``image_size`` x ``image_size`` pixels between the passes forward and back."""
    per_pixel = network_of(base).activation_bytes_per_pixel or _UNMEASURED
    return round(per_pixel * image_size**2 * (RECOMPUTED_SHARE if recomputed else 1.0))


def batch_that_fits(base: str, image_size: int, budget_bytes: int, *, recomputed: bool = False) -> int:
    """Images of a batch within ``budget_bytes``; 0 where not even one fits."""
    return max(0, (budget_bytes - weights_bytes(base)) // image_bytes(base, image_size, recomputed=recomputed))
