"""What each key of the configuration does, in a line."""

from collections.abc import Mapping
from types import MappingProxyType

_ARCHITECTURE = "architecture_config"
_CUSTOM = f"{_ARCHITECTURE}.custom_modifications"
_OPTIMIZATION = "hyperparameters.optimization"
_PROCESS = "hyperparameters.training_process"
_ADVANCED = "hyperparameters.advanced_settings"
_LOSS = "loss_config"

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        f"{_ARCHITECTURE}.base_architecture": "the network that the architecture is built on",
        f"{_ARCHITECTURE}.pretrained_weights": "weights to start from, or `none` for random ones",
        f"{_CUSTOM}.backbone_freezing": "stages that keep published weights: the first (`partial`) or all (`full`)",
        f"{_CUSTOM}.head_customization": "the head of the published network, or the one made for cards",
        f"{_CUSTOM}.feature_pyramid": "the published pyramid, or one with a second path from fine to coarse",
        f"{_ARCHITECTURE}.multi_gpu_support": "whether a run takes all GPUs of its host, or one",
        f"{_ARCHITECTURE}.optimization_mode": "torch.compile over the stages of the backbone, and its mode",
        f"{_OPTIMIZATION}.learning_rate": "the highest rate of the schedule",
        f"{_OPTIMIZATION}.lr_scheduler": "how the rate moves from step to step",
        f"{_OPTIMIZATION}.batch_size": "images of one process between two accumulations",
        f"{_OPTIMIZATION}.find_batch_size": "whether the run finds a batch that fits its machine; `batch_size` is then "
        "the one that the rate belongs to",
        f"{_OPTIMIZATION}.gradient_clipping": "largest L2 norm of the gradient; larger ones are scaled down to it",
        f"{_OPTIMIZATION}.weight_decay": "decay per step of weights, not of norms and biases; decoupled for AdamW",
        f"{_OPTIMIZATION}.momentum": "first beta of AdamW, momentum of SGD (networks that Detectron2 configures)",
        f"{_OPTIMIZATION}.backbone_lr_multiplier": "what a body with published weights gets of the rate; new parts get "
        "all of it",
        f"{_PROCESS}.epochs": "passes over the training images, at most",
        f"{_PROCESS}.early_stopping.patience": "validations without improvement after which the run stops",
        f"{_PROCESS}.early_stopping.min_delta": "smallest change of the metric that counts as improvement",
        f"{_PROCESS}.validation_frequency": "epochs from one validation to the next; the last is always validated",
        f"{_PROCESS}.checkpoint_saving": "checkpoints that are kept once the run is over",
        f"{_PROCESS}.cross_validation_folds": "folds that are trained and evaluated after the run, for its report "
        "alone; in none are its test images",
        f"{_ADVANCED}.mixed_precision": "bfloat16 where the device gains from it, which the trainer asks it",
        f"{_ADVANCED}.gradient_accumulation_steps": "batches that make one step; equal to one batch of their size",
        f"{_ADVANCED}.multi_gpu_strategy": "copies that exchange gradients (DDP), or shards (FSDP2)",
        f"{_ADVANCED}.memory_optimization": "compute stages again for the gradient instead of keeping them",
        f"{_LOSS}.primary_loss": "the loss of what is classified, drawn, graded or measured",
        f"{_LOSS}.loss_weights.classification": "factor of what is classified, graded or measured",
        f"{_LOSS}.loss_weights.bbox_regression": "factor of the boxes' part",
        f"{_LOSS}.loss_weights.mask_loss": "factor of the masks' part",
        f"{_LOSS}.focal_loss_params.alpha": "weight of what is there, against what isn't",
        f"{_LOSS}.focal_loss_params.gamma": "how much less easy answers count",
        f"{_LOSS}.regularization.l2_weight": "factor of the squared L2 norm of the weights, as a part of the loss",
        f"{_LOSS}.regularization.dropout": "share of units that the head drops while it trains",
        "seed": "of every random generator of the run",
        "image_size": "longer side in pixels of the images that the network sees, or side of its windows",
        "sampling": "whole images scaled to the size; windows of that size at native resolution, most of them on "
        "marks (files then go over a picture tile by tile, and a threshold of damage is chosen on validation images); "
        "or copy_paste: whole images, half of which get outlined instances of another",
        "split.validation_fraction": "share of the images that epochs are evaluated by",
        "split.test_fraction": "share of the images that only the finished run is evaluated by",
    }
)
