"""The network: imported when one is built."""

from collections import OrderedDict

from torch import nn
from truscore.recipes import Recipe
from truscore.zoo.classification.backbones import Backbone
from truscore.zoo.classification.network import AverageHead, OrdinalClassifier

WIDTHS = (8, 16, 16)


def build(recipe: Recipe, num_classes: int) -> nn.Module:
    """A grader with a body of three stages, which are its children by name: frozen, compiled and recomputed by that."""
    body: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (channels_in, channels) in enumerate(zip((3, *WIDTHS), WIDTHS, strict=False), start=1):
        body[f"stage{number}"] = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride=2, padding=1), nn.GroupNorm(4, channels), nn.ReLU()
        )
    loss = recipe.loss_config.primary_loss
    outputs = num_classes if loss == "cross_entropy" else num_classes - 1
    head = AverageHead(WIDTHS[-1], outputs, dropout=recipe.loss_config.regularization.dropout)
    return OrdinalClassifier(
        backbone=Backbone(nn.Sequential(body)), head=head, image_size=recipe.image_size, primary_loss=loss
    )
