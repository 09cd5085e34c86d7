"""The shape of a resolved configuration: field names are the very keys of the configuration JSON."""

from dataclasses import dataclass

# A recipe's defaults are for one of these: "small", two CPU cores; "full", a GPU.
PROFILES = ("small", "full")
# The small recipes again, on a body with published weights where an installed package has them.
PUBLISHED = "published"
# What a training sample is: the image scaled to the network's size, or a window of it at native resolution.
SAMPLINGS = ("whole", "windows", "copy_paste")


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomModifications:
    backbone_freezing: str
    head_customization: str
    feature_pyramid: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchitectureConfig:
    base_architecture: str
    pretrained_weights: str
    custom_modifications: CustomModifications
    multi_gpu_support: bool
    optimization_mode: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimization:
    """``momentum`` is AdamW's first beta, or that of SGD; ``batch_size`` counts the images of one process before
    accumulation. Where ``find_batch_size`` is true, it is the batch that the learning rate belongs to, and the run's
    first attempt finds one that fits its machine. ``backbone_lr_multiplier`` is what a body that starts from published
    weights gets of the learning rate; one of random weights gets all of it."""

    learning_rate: float
    lr_scheduler: str
    batch_size: int
    gradient_clipping: float
    weight_decay: float
    momentum: float
    backbone_lr_multiplier: float = 1.0
    find_batch_size: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlyStopping:
    """``patience`` counts validations; ``min_delta`` is in the unit of the primary metric."""

    patience: int
    min_delta: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingProcess:
    """``cross_validation_folds`` 0: none."""

    epochs: int
    early_stopping: EarlyStopping
    validation_frequency: int
    checkpoint_saving: str
    cross_validation_folds: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class AdvancedSettings:
    mixed_precision: bool
    gradient_accumulation_steps: int
    multi_gpu_strategy: str
    memory_optimization: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Hyperparameters:
    optimization: Optimization
    training_process: TrainingProcess
    advanced_settings: AdvancedSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class LossWeights:
    classification: float
    bbox_regression: float
    mask_loss: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FocalLossParams:
    alpha: float
    gamma: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Regularization:
    l2_weight: float
    dropout: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    primary_loss: str
    loss_weights: LossWeights
    focal_loss_params: FocalLossParams
    regularization: Regularization


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """Shares of the images, where the dataset's own folders name no parts; the rest is trained on."""

    validation_fraction: float
    test_fraction: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Everything that decides a run's weights, but the data.

    ``image_size`` is the longer side, in pixels, of the images the network sees, or the side of its windows, where
    ``sampling`` says so (see ``SAMPLINGS``). ``primary_metric`` is the
    validation metric, larger is better, that picks the best checkpoint and stops early; it belongs to the option.
    """

    category: str
    option: str
    architecture: str
    architecture_config: ArchitectureConfig
    hyperparameters: Hyperparameters
    loss_config: LossConfig
    seed: int
    image_size: int
    primary_metric: str
    split: SplitConfig = SplitConfig(validation_fraction=0.15, test_fraction=0.15)
    sampling: str = "whole"
