"""What one image keeps in memory for the gradient, for every network of the catalog: `python -m
tests.bench.activation_memory [NAME ...]` prints the table of truscore/recipes/memory.py.

Counted are the tensors that autograd saves, each storage once, in float32.
"""

import sys
from typing import Any

import torch
from torch import Tensor, nn
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import ROWS
from truscore.configuration.text import as_tree, from_tree
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.framing import Framed
from truscore.zoo.photometric.multi_view_network import MultiViewNetwork
from truscore.zoo.photometric.plane_sweep import Cameras
from truscore.zoo.photometric.reflectance_network import ReflectanceNetwork
from truscore.zoo.photometric.set_network import SetSolver
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork
from truscore.zoo.photometric.surface_network import SurfaceNetwork
from truscore.zoo.photometric.uncalibrated_network import UncalibratedSetNetwork

CLASSES = 2
CAMERAS = 5
LIGHTS = 16  # that an object is seen under, of networks that see many views


def saved_bytes(network: nn.Module, image_size: int) -> int:
    """Of one training step's forward pass over one image, without the weights themselves."""
    weights = {weight.untyped_storage().data_ptr() for weight in (*network.parameters(), *network.buffers())}
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        kept = _forward(network, image_size)  # held until the counting is over, so that no address comes twice
    del kept
    return sum(found.values())


def _forward(network: nn.Module, image_size: int) -> Any:
    if isinstance(network, Framed):
        # Two images, as norms over a batch of one refuse to train; halved by the caller.
        return network(torch.rand(2, 3, image_size, image_size))
    if isinstance(network, MultiViewNetwork):
        return [_of_cameras(network, image_size) for _ in range(2)]
    if isinstance(network, UncalibratedSetNetwork):
        samples_BLP = torch.rand(2, LIGHTS, image_size**2)
        return network(samples_BLP, torch.ones(2, LIGHTS), torch.ones(2, image_size, image_size))
    if isinstance(network, SetSolver | ReflectanceNetwork):
        lights_BL3 = nn.functional.normalize(torch.rand(2, LIGHTS, 3), dim=-1)
        pixels = image_size**2
        none_BL, all_BL = torch.zeros(2, LIGHTS), torch.ones(2, LIGHTS)
        laid_out = isinstance(network, SurfaceNetwork | SpatialSetNetwork)
        shape = (image_size, image_size) if laid_out else (pixels,)
        return network(torch.rand(2, LIGHTS, pixels), lights_BL3, none_BL, all_BL, torch.ones(2, *shape))
    image_CHW = torch.rand(3, image_size, image_size)
    side = image_size / 2
    target = {
        "boxes": torch.tensor([[4.0, 4.0, side, side]]),
        "labels": torch.ones(1, dtype=torch.int64),
        "masks": torch.ones(1, image_size, image_size, dtype=torch.uint8),
    }
    losses: Any = network
    return losses([image_CHW, image_CHW.clone()], [target, dict(target)])


def _of_cameras(network: MultiViewNetwork, image_size: int) -> Any:
    """Five views of a wall from 1 to 2 units away."""
    intrinsics_33 = torch.tensor([[100.0, 0, image_size / 2], [0, 100.0, image_size / 2], [0, 0, 1]])
    cameras = Cameras(
        intrinsics_V33=intrinsics_33.repeat(CAMERAS, 1, 1),
        rotation_V33=torch.eye(3).repeat(CAMERAS, 1, 1),
        translation_V3=torch.rand(CAMERAS, 3) / 10,
    )
    maps_V4HW, inside_VHW = torch.rand(CAMERAS, 4, image_size, image_size), torch.ones(CAMERAS, image_size, image_size)
    return network(maps_V4HW, inside_VHW, cameras, torch.tensor([1.0, 2.0]))


def bytes_per_pixel(base: str) -> int:
    """At the size that the network is made for."""
    row = next(row for row in ROWS if base in row.bases)
    recipe = resolve(row.category, row.option, row.architecture, {"architecture_config": {"base_architecture": base}})
    size = NETWORKS[base].image_size
    network = build_model(from_tree({**as_tree(recipe), "image_size": size}), CLASSES).train()
    return round(saved_bytes(network, size) / 2 / size**2)


def main(names: list[str]) -> None:
    for base in names or NETWORKS:
        print(f'        "{base}": {bytes_per_pixel(base):_},', flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
