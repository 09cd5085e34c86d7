"""Networks that say something of an image as a whole: a body, a head, and what is read from its outputs.

Legend: B images, C channels, S side of the square, h, w sides of the body's map, K outputs with a name.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from truscore.catalog.networks.configs import OF_IMAGENET, BackboneConfig, GraderConfig, Normalisation
from truscore.configuration.recipe import Recipe
from truscore.zoo.classification.backbones import Backbone, make_backbone
from truscore.zoo.classification.ridge import LinearScore, ridge_score
from truscore.zoo.classification.statistics_cnn import Levels, Standardise, StatisticsHead
from truscore.zoo.configs import config_of
from truscore.zoo.framing import Framed
from truscore.zoo.losses.ordinal import OrderedThresholds, exceedance, grade_probabilities, median_grade
from truscore.zoo.published_backbones import as_body

HIDDEN = 128
CELLS = 4


class WholeImage(Framed):
    """``forward`` takes squares from 0 to 1 and gives raw outputs [B, outputs]."""

    def __init__(
        self,
        *,
        backbone: nn.Module,
        head: nn.Module,
        image_size: int,
        normalisation: Normalisation = OF_IMAGENET,
    ) -> None:
        super().__init__(image_size, normalisation)
        self.backbone = backbone
        self.head = head

    def forward(self, image_BCSS: Tensor) -> Tensor:
        # [B, 3, S, S] to a map [B, C, h, w], and from it the numbers of the whole image.
        return cast(Tensor, self.head(self.backbone(self.normalised(image_BCSS))))

    def published(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a published network under the names they have here."""
        return as_body(found)


class OrdinalClassifier(WholeImage):
    """Grades on an ordered scale. Its answers: ``probabilities`` [B, K] and ``grade_index`` [B], from 0."""

    def __init__(self, *, primary_loss: str, **parts: Any) -> None:
        """``parts`` are those of any WholeImage."""
        super().__init__(**parts)
        self._primary_loss = primary_loss

    @property
    def standardises(self) -> bool:
        """Whether the head reads features in deviations from their mean over the training split."""
        return any(isinstance(module, Standardise) for module in self.modules())

    @torch.no_grad()
    def start_from(self, batches: Iterable[Tensor], grade_N: Tensor) -> None:
        """Take mean and deviation of the features over these images, batches [B, 3, S, S] from 0 to 1, and begin a
        linear head at the ridge regression of their grades [N], places from 0."""
        (head,) = (module for module in self.modules() if isinstance(module, StatisticsHead))
        in_training = self.training
        self.eval()  # as in use: no branch is dropped
        features_NF = torch.cat([head.features(self.backbone(self.normalised(image_BCSS))) for image_BCSS in batches])
        self.train(in_training)
        if not isinstance(head.norm, Standardise):
            return
        head.norm.standardise_by(features_NF)
        if isinstance(head.hidden, nn.Dropout):
            self._start_linear(head, ridge_score(head.norm(features_NF), grade_N))

    def _start_linear(self, head: StatisticsHead, score: LinearScore) -> None:
        if isinstance(self.head, nn.Sequential):  # one score, and thresholds of their own
            thresholds = next(module for module in self.modules() if isinstance(module, OrderedThresholds))
            slope_T, offset_T = score.logits(self._primary_loss, len(thresholds.steps) + 1)
            head.out.weight.copy_(slope_T[:1, None] * score.weight_F)
            thresholds.start_at(offset_T + slope_T * score.offset)
            return
        outputs = head.out.out_features
        slope_T, offset_T = score.logits(self._primary_loss, outputs - (self._primary_loss == "cross_entropy"))
        head.out.weight.copy_(slope_T[:, None] * score.weight_F)
        head.out.bias.copy_(offset_T + slope_T * score.offset)

    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        # [B, T]: thresholds of the scale, T = K - 1. One form for the three losses, so that all answer alike.
        beyond_BT = exceedance(raw.float(), self._primary_loss)
        return {"probabilities": grade_probabilities(beyond_BT), "grade_index": median_grade(beyond_BT)}


class Regressor(WholeImage):
    """Measures named scores. It learns them in standard deviations from the mean of the training split, which it keeps,
    and its answers, ``scores`` [B, K], are in the dataset's own unit."""

    score_mean_K: Tensor
    score_deviation_K: Tensor

    def __init__(self, *, scores: int, **parts: Any) -> None:
        """``parts`` are those of any WholeImage."""
        super().__init__(**parts)
        # Buffers: they are saved with the weights and go into exported files, and no optimizer moves them.
        self.register_buffer("score_mean_K", torch.zeros(scores))
        self.register_buffer("score_deviation_K", torch.ones(scores))

    def standardise_by(self, mean_K: Tensor, deviation_K: Tensor) -> None:
        """Keep the unit of the scores. A deviation of 0 counts as 1: such a score has nothing to be told apart."""
        self.score_mean_K.copy_(mean_K)
        self.score_deviation_K.copy_(torch.where(deviation_K > 0, deviation_K, 1.0))

    def standardised(self, scores_BK: Tensor) -> Tensor:
        return (scores_BK - self.score_mean_K) / self.score_deviation_K

    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        # In float32: back in the dataset's own unit, bfloat16 would leave three digits.
        return {"scores": raw.float() * self.score_deviation_K + self.score_mean_K}


class MultiLabel(WholeImage):
    """Names what is on an image, several at once. Its answers: ``probabilities`` [B, K], each on its own."""

    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        # No softmax: several classes hold at once, or none.
        return {"probabilities": raw.float().sigmoid()}


class AverageHead(nn.Module):
    """The mean over the map, and a linear layer; ``dropout`` is the share of features that is dropped before it."""

    def __init__(self, channels: int, outputs: int, *, dropout: float, bias: bool = True) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(channels, outputs, bias=bias)

    def forward(self, map_BChw: Tensor) -> Tensor:
        # [B, C]: global average pooling (Lin, Chen & Yan 2014, "Network in network", section 3.2).
        return cast(Tensor, self.out(self.dropout(map_BChw.mean(dim=(2, 3)))))


class WorstSpotHead(nn.Module):
    """Mean and maximum over the map, and a hidden layer. A grade is set by the worst spot, and a mean over the map
    thins one spot out: graders look for it, so the head does (Zhou et al. 2016, "Learning deep features for
    discriminative localization", section 2, on what either pooling finds)."""

    def __init__(self, channels: int, outputs: int, *, dropout: float, bias: bool = True) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(2 * channels, HIDDEN), nn.LayerNorm(HIDDEN), nn.GELU(), nn.Dropout(dropout)
        )
        self.out = nn.Linear(HIDDEN, outputs, bias=bias)

    def forward(self, map_BChw: Tensor) -> Tensor:
        # [B, 2C]
        pooled_BC = torch.cat([map_BChw.mean(dim=(2, 3)), map_BChw.amax(dim=(2, 3))], dim=1)
        return cast(Tensor, self.out(self.hidden(pooled_BC)))


def head_of(recipe: Recipe, channels: int, outputs: int, *, bias: bool = True) -> nn.Module:
    """The head that head_customization asks for."""
    specialised = recipe.architecture_config.custom_modifications.head_customization == "phoenix_specialized"
    kind = WorstSpotHead if specialised else AverageHead
    return kind(channels, outputs, dropout=recipe.loss_config.regularization.dropout, bias=bias)


def backbone_of(recipe: Recipe, config: BackboneConfig) -> Backbone:
    """The body as the recipe asks for it. EfficientNets drop whole branches at the rate that heads drop units."""
    architecture = recipe.architecture_config
    freezing = architecture.custom_modifications.backbone_freezing
    return make_backbone(
        config,
        image_size=recipe.image_size,
        pretrained=architecture.pretrained_weights != "none",
        freezing=freezing,
        # A body that learns nothing has nothing of dropped branches but noise.
        dropped=0.0 if freezing == "full" else recipe.loss_config.regularization.dropout,
    )


def build_ordinal_classifier(recipe: Recipe, num_classes: int) -> OrdinalClassifier:
    """``num_classes`` grades, at least 2."""
    config = config_of(recipe, GraderConfig)
    loss, thresholds = recipe.loss_config.primary_loss, num_classes - 1
    match loss:
        case "coral":
            # One score for all thresholds, without a bias of its own: the thresholds have it (CORAL, equation 2).
            score = _grading_head(recipe, config, 1, bias=False)
            head: nn.Module = nn.Sequential(score, OrderedThresholds(thresholds))
        case "corn":
            # A logit for each threshold: that the grade is beyond it, given that it is beyond the one before.
            head = _grading_head(recipe, config, thresholds)
        case _:
            # A logit for each grade; that grades are in order comes in with the answers, which read sums of the tail.
            head = _grading_head(recipe, config, num_classes)
    backbone = backbone_of(recipe, config.backbone)
    levels = tuple(name for name, _ in config.backbone.levels)
    return OrdinalClassifier(
        backbone=Levels(backbone.body, levels) if config.statistics else backbone,
        head=head,
        image_size=recipe.image_size,
        normalisation=config.backbone.normalisation,
        primary_loss=loss,
    )


def _grading_head(recipe: Recipe, config: GraderConfig, outputs: int, *, bias: bool = True) -> nn.Module:
    if not config.statistics:
        return head_of(recipe, config.backbone.channels, outputs, bias=bias)
    specialised = recipe.architecture_config.custom_modifications.head_customization == "phoenix_specialized"
    return StatisticsHead(
        tuple(width for _, width in config.backbone.levels),
        outputs,
        hidden=HIDDEN if specialised else 0,
        dropout=recipe.loss_config.regularization.dropout,
        standardised=True,
        bias=bias,
        cells=0 if specialised else CELLS,
    )
