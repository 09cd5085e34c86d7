"""What a recipe asks of the place it runs at: how many processes, which weights file."""

from truscore.recipes.config import Recipe


def processes_for(recipe: Recipe, gpus: int) -> int:
    """Training processes on a host with ``gpus`` GPUs: one each where the recipe may take several, else one."""
    return max(1, gpus) if recipe.architecture_config.multi_gpu_support else 1


def pretrained_key(recipe: Recipe) -> str | None:
    """Key in the bucket of the weights to start from; None for a start from scratch.

    A bare name belongs to the network ("coco" is ``pretrained/mask_rcnn_resnet50_fpn/coco.pth``); a name that ends
    in a file suffix is taken as it stands (``pretrained/nanodet/coco.pth``).
    """
    architecture = recipe.architecture_config
    name = architecture.pretrained_weights
    if name == "none":
        return None
    if "." in name.rsplit("/", 1)[-1]:
        return f"pretrained/{name}"
    return published_key(architecture.base_architecture, name)


def published_key(base: str, name: str) -> str:
    """Where the store keeps weights of that name for a network."""
    return f"pretrained/{base}/{name}.pth"
