"""What a recipe asks of the place it runs at: how many processes, which weights file."""

from truscore.configuration.recipe import Recipe


def processes_for(recipe: Recipe, gpus: int) -> int:
    """Training processes on a host with ``gpus`` GPUs: one each where the recipe may take several, else one."""
    return max(1, gpus) if recipe.architecture_config.multi_gpu_support else 1


def pretrained_key(recipe: Recipe) -> str | None:
    """Key in the bucket of the weights to start from; None for a start from scratch.

    A bare name belongs to the network ("coco" is ``pretrained/mask_rcnn_resnet50_fpn/coco.pth``); a name that ends
    in a file suffix is taken as it stands (``pretrained/nanodet/coco.pth``).
    """
    architecture = recipe.architecture_config
    if architecture.pretrained_weights == "none":
        return None
    if name := published_name(recipe):
        return published_key(architecture.base_architecture, name)
    return f"pretrained/{architecture.pretrained_weights}"


def published_name(recipe: Recipe) -> str:
    """The name under which weights of the network may be published; empty where none or a file of the site's own is
    asked for."""
    name = recipe.architecture_config.pretrained_weights
    return "" if name == "none" or "." in name.rsplit("/", 1)[-1] else name


def published_key(base: str, name: str) -> str:
    """Where the store keeps weights of that name for a network."""
    return f"pretrained/{base}/{name}.pth"
