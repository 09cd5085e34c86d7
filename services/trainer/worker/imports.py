"""What a training process imports before anything else, so that it starts without torch's compiler."""

from truscore.zoo.torch_imports import import_torchvision, prepare_optimizers

import_torchvision()
prepare_optimizers()
