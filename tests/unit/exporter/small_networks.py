"""The smallest network of a row of the catalog, made to have opinions without training."""

import torch
from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import Row


def smallest(row: Row) -> str:
    return min(row.bases, key=lambda base: NETWORKS[base].parameters)


def outspoken(model: nn.Module, *, bias: float = 0) -> nn.Module:
    """Dense detectors begin with the belief that nothing is there, all places alike: nothing to compare."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None and module.bias.max() < -4:
                module.bias.fill_(bias)
                module.weight.normal_(std=0.1)
    return model


def certain(model: nn.Module) -> nn.Module:
    """As `outspoken`, and what detectors find has scores beyond 0.5: in each place something is there."""
    return _outspoken_detector(model, bias=2, nothing=-20)


def sometimes_certain(model: nn.Module) -> nn.Module:
    """The same, but only a few scores are beyond 0.5: a second stage has little to do, and something to leave alone."""
    return _outspoken_detector(model, bias=0.5, nothing=-2)


def _outspoken_detector(model: nn.Module, *, bias: float, nothing: float) -> nn.Module:
    outspoken(model, bias=bias)
    if isinstance(model, GeneralizedRCNN):
        with torch.no_grad():
            scores = model.roi_heads.box_predictor.cls_score
            scores.weight.mul_(20)
            scores.bias[0] = nothing
    return model
