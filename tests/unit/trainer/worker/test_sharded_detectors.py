"""A detector in shards gives the losses and the gradients that it gives without: FSDP2 follows each of its parts.

In a group of one process: parts are gathered, freed and reduced as among several, and only what is sent is nothing.
"""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from truscore.catalog import ROWS
from truscore.catalog.table import Row
from truscore.recipes import resolve
from truscore.zoo import build_model

from services.trainer.worker.fsdp import gather_weights, shard_network

SIZE = 64
DETECTORS = [row for row in ROWS if row.available and row.task in ("instance_segmentation", "detection")]


@pytest.fixture(scope="module", autouse=True)
def group_of_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    meeting: Path = tmp_path_factory.mktemp("group") / "store"
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def a_step(model: nn.Module) -> dict[str, float]:
    """Losses of one image with a card in it, and one step down their gradient."""
    torch.manual_seed(1)  # regions are drawn
    image_CHW = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    mask = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
    mask[:, 8:56, 12:52] = 1
    boxes = torch.tensor([[12.0, 8.0, 52.0, 56.0]])
    target: dict[str, Tensor] = {"boxes": boxes, "labels": torch.tensor([1]), "masks": mask}
    model.train()
    losses: dict[str, Tensor] = model([image_CHW], [target])
    torch.autograd.backward(torch.stack(list(losses.values())).sum())
    torch.optim.SGD(model.parameters(), lr=1e-3).step()
    return {name: loss.item() for name, loss in losses.items()}


@pytest.mark.parametrize("row", DETECTORS, ids=lambda row: f"{row.option}-{row.architecture}")
def test_a_detector_learns_the_same_in_shards(row: Row) -> None:
    plain_head = {"custom_modifications": {"head_customization": "standard"}}
    recipe = resolve(
        row.category, row.option, row.architecture, {"image_size": SIZE, "architecture_config": plain_head}
    )
    torch.manual_seed(0)
    network = build_model(recipe, 2)
    sharded, whole = shard_network(network, torch.device("cpu"), world_size=1), deepcopy(network)
    assert a_step(sharded) == pytest.approx(a_step(whole), rel=1e-5)
    gather_weights(sharded, network)
    learnt = dict(whole.named_parameters())
    for name, weight in network.named_parameters():
        torch.testing.assert_close(
            weight, learnt[name], rtol=1e-4, atol=1e-5, msg=f"{name} is another weight in shards"
        )
