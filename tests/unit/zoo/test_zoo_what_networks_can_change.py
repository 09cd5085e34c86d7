"""What the catalog says can be changed in a network, can; and all drop units. No weights are made: shapes say it."""

from typing import Any

import pytest
import torch
from torch import nn
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import ROWS
from truscore.configuration.text import as_tree, from_tree
from truscore.recipes import resolve
from truscore.zoo import build_model

MOST_PARAMETERS = 4e6  # larger ones are of the same builders
SMALL = [
    name
    for name, network in NETWORKS.items()
    if network.parameters < MOST_PARAMETERS and any(name in row.bases for row in ROWS)
]


def built(base: str, *, dropout: float = 0.0, **custom: str) -> nn.Module:
    row = next(row for row in ROWS if base in row.bases)
    chosen = {"architecture_config": {"base_architecture": base}}
    tree: dict[str, Any] = as_tree(resolve(row.category, row.option, row.architecture, chosen))
    standard = {"head_customization": "standard", "feature_pyramid": "standard"}
    tree["architecture_config"]["custom_modifications"] |= standard | custom
    tree["loss_config"]["regularization"]["dropout"] = dropout
    with torch.device("meta"):
        return build_model(from_tree(tree), 2)


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


@pytest.mark.parametrize("base", SMALL)
def test_head_and_pyramid_change_the_network_where_the_catalog_says_so_and_nowhere_else(base: str) -> None:
    plain = shapes(built(base))
    assert (shapes(built(base, head_customization="phoenix_specialized")) != plain) == NETWORKS[base].head
    assert (shapes(built(base, feature_pyramid="enhanced")) != plain) == NETWORKS[base].pyramid


@pytest.mark.parametrize("base", SMALL)
def test_every_network_drops_the_share_that_is_configured(base: str) -> None:
    shares = {
        module.p for module in built(base, dropout=0.37).modules() if isinstance(module, nn.modules.dropout._DropoutNd)
    }
    assert 0.37 in shares
