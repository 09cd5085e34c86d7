"""What recipes that start from random weights have in common."""

from truscore.configuration.recipe import (
    AdvancedSettings,
    ArchitectureConfig,
    CustomModifications,
    EarlyStopping,
    FocalLossParams,
    Hyperparameters,
    LossConfig,
    LossWeights,
    Optimization,
    Recipe,
    Regularization,
    TrainingProcess,
)
from truscore.recipes.templates.template import primary_metric_of


def recipe_from_scratch(
    row: tuple[str, str, str],
    *,
    base: str,
    image_size: int,
    learning_rate: float,
    weight_decay: float,
    batch_size: int,
    epochs: int,
    primary_loss: str,
    dropout: float = 0.1,
    patience: int = 0,
    gradient_clipping: float = 1.0,
    primary_metric: str = "",
    head: str = "standard",
) -> Recipe:
    """``row`` is category, option, architecture; ``patience`` 0 is a third of the epochs; without a ``primary_metric``
    the best epoch is chosen by what the option's models are for."""
    category, option, architecture = row
    return Recipe(
        category=category,
        option=option,
        architecture=architecture,
        architecture_config=ArchitectureConfig(
            base_architecture=base,
            pretrained_weights="none",
            custom_modifications=CustomModifications(
                backbone_freezing="none", head_customization=head, feature_pyramid="standard"
            ),
            multi_gpu_support=True,
            optimization_mode="none",
        ),
        hyperparameters=Hyperparameters(
            optimization=Optimization(
                learning_rate=learning_rate,
                lr_scheduler="one_cycle",
                batch_size=batch_size,
                gradient_clipping=gradient_clipping,
                weight_decay=weight_decay,
                momentum=0.9,
            ),
            training_process=TrainingProcess(
                epochs=epochs,
                early_stopping=EarlyStopping(patience=patience or max(1, epochs // 3), min_delta=0.001),
                validation_frequency=1,
                checkpoint_saving="best_and_latest",
            ),
            advanced_settings=AdvancedSettings(
                mixed_precision=True,
                gradient_accumulation_steps=1,
                multi_gpu_strategy="data_parallel",
                memory_optimization=False,
            ),
        ),
        loss_config=LossConfig(
            primary_loss=primary_loss,
            loss_weights=LossWeights(classification=1.0, bbox_regression=1.0, mask_loss=1.0),
            focal_loss_params=FocalLossParams(alpha=0.25, gamma=2.0),
            regularization=Regularization(l2_weight=0.0, dropout=dropout),
        ),
        seed=0,
        image_size=image_size,
        primary_metric=primary_metric or primary_metric_of(category, option, architecture),
    )
