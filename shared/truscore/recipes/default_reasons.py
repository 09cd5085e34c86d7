"""Why a recipe's own value stands where nothing in the data speaks against it."""

from collections.abc import Mapping
from types import MappingProxyType

_CUSTOM = "architecture_config.custom_modifications"
_OPTIMIZATION = "hyperparameters.optimization"
_PROCESS = "hyperparameters.training_process"
_LOSS = "loss_config"

STANDING: Mapping[str, str] = MappingProxyType(
    {
        f"{_CUSTOM}.head_customization": "the recipe's head; a template of production may have another",
        f"{_CUSTOM}.feature_pyramid": "the recipe's pyramid; a template of production may have another",
        f"{_OPTIMIZATION}.lr_scheduler": "the schedule that the recipe's rate was found with",
        f"{_OPTIMIZATION}.gradient_clipping": "the recipe's: rare large gradients are cut, common ones are not",
        f"{_OPTIMIZATION}.weight_decay": "the recipe's, decoupled from the rate's scaling",
        f"{_OPTIMIZATION}.momentum": "AdamW's first beta, as published",
        f"{_OPTIMIZATION}.find_batch_size": "the batch is chosen already; true has the run find one on its machine",
        f"{_OPTIMIZATION}.backbone_lr_multiplier": "the recipe's; it counts from published weights only",
        f"{_PROCESS}.early_stopping.min_delta": "smaller changes of the metric are noise of the validation images",
        f"{_PROCESS}.checkpoint_saving": "the best epoch is handed over; the last where images to choose by are few",
        f"{_PROCESS}.cross_validation_folds": "the recipe's: each fold costs about as much as the run",
        f"{_LOSS}.loss_weights.classification": "the recipe's balance of the parts",
        f"{_LOSS}.loss_weights.bbox_regression": "the recipe's balance of the parts",
        f"{_LOSS}.loss_weights.mask_loss": "the recipe's balance of the parts",
        f"{_LOSS}.focal_loss_params.alpha": "as published (Lin et al. 2017); counts with a focal loss only",
        f"{_LOSS}.focal_loss_params.gamma": "as published (Lin et al. 2017); counts with a focal loss only",
        f"{_LOSS}.regularization.l2_weight": "weight decay does this already",
        f"{_LOSS}.regularization.dropout": "the recipe's",
        "split.validation_fraction": "the recipe's; folders of the dataset's own go before it",
        "split.test_fraction": "the recipe's; folders of the dataset's own go before it",
        "sampling": "the recipe's; windows keep what is a few pixels wide",
        "seed": "any: the same seed gives the same run",
    }
)
